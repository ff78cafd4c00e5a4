import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ChainHead, genesis, hashOf, seal, verifyChain } from '../../../coordinator/audit/index.ts'
import type { AuditRecord } from '../../../coordinator/store/records.ts'
import { entry } from '../../conformance/store-records.ts'

const text = fc.string({ unit: 'binary', maxLength: 20 })
const anyEntry = fc.record({
  at: fc.nat(),
  class: fc.constantFrom('history' as const, 'security' as const),
  actor: text,
  action: text,
  subject: text,
  reason: text,
  detail: fc.dictionary(text, fc.oneof(text, fc.double(), fc.boolean())),
})

function chainOf(entries: readonly ReturnType<typeof entry>[]): AuditRecord[] {
  const rows: AuditRecord[] = []
  for (const each of entries) rows.push(seal(each, rows.at(-1) ?? genesis))
  return rows
}

function sourceOf(rows: readonly AuditRecord[], total = rows.length) {
  return {
    auditFrom: async (afterSeq: number, limit: number) =>
      rows.filter(row => row.seq > afterSeq).slice(0, limit),
    auditTotal: async () => total,
  }
}

test('the hash does not depend on the order of keys, and a known row has a known hash for ever', () => {
  const row = seal({ ...entry(), detail: { b: 1, a: 'ü' } }, genesis)
  expect(seal({ ...entry(), detail: { a: 'ü', b: 1 } }, genesis).hash).toBe(row.hash)
  expect(row.hash).toBe('efea2ba694bf5393de257b94c0d79142c590483c384f9ba406422815649b432c')
})

test('property: any entries make an intact chain that survives JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyEntry, { maxLength: 8 }), async entries => {
      const rows = JSON.parse(JSON.stringify(chainOf(entries))) as AuditRecord[]
      expect(await verifyChain(sourceOf(rows))).toMatchObject({ intact: true, checked: entries.length })
    }),
  )
})

test('property: a change of any field of any row is found at that row', async () => {
  const fields = [
    'at',
    'class',
    'actor',
    'action',
    'subject',
    'reason',
    'detail',
    'prevHash',
    'hash',
  ] as const
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 5 }), fc.constantFrom(...fields), async (index, field) => {
      const rows = chainOf(Array.from({ length: 6 }, () => entry()))
      const row = rows[index] as AuditRecord
      const other = field === 'at' ? 1 : field === 'detail' ? { x: 1 } : 'other'
      rows[index] = { ...row, [field]: other } as AuditRecord
      expect(await verifyChain(sourceOf(rows))).toMatchObject({ intact: false, brokenSeq: index + 1 })
    }),
  )
})

test('a changed row whose hash was computed anew is found by the row after it', async () => {
  const rows = chainOf(Array.from({ length: 3 }, () => entry()))
  const changed = { ...(rows[1] as AuditRecord), reason: 'nothing' }
  rows[1] = { ...changed, hash: hashOf(changed) }
  expect(await verifyChain(sourceOf(rows))).toMatchObject({ brokenSeq: 2, problem: 'changed' })
})

test('an inserted row pushes its successors out of the chain', async () => {
  const rows = chainOf(Array.from({ length: 3 }, () => entry()))
  const forged = seal(entry({ actor: 'eve' }), rows[0] as ChainHead)
  const moved = rows.slice(1).map(row => ({ ...row, seq: row.seq + 1 }))
  const verdict = await verifyChain(sourceOf([rows[0] as AuditRecord, forged, ...moved]))
  expect(verdict).toMatchObject({ intact: false, brokenSeq: 3 })
})

test('a chain longer than a page is walked to its end, rows appended meanwhile included', async () => {
  const rows = chainOf(Array.from({ length: 1_201 }, () => entry()))
  let total = 1_200
  const growing = {
    auditFrom: sourceOf(rows).auditFrom,
    auditTotal: async () => total++,
  }
  expect(await verifyChain(growing)).toMatchObject({ intact: true, checked: 1_201 })
})
