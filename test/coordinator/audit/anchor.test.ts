import { describe, expect, test } from 'vitest'
import {
  anchorContent,
  anchorKey,
  anchorOf,
  genesis,
  seal,
  verifyChain,
} from '../../../coordinator/audit/index.ts'
import type { AuditRecord } from '../../../coordinator/store/records.ts'
import { entry } from '../../conformance/store-records.ts'

const place = { fleetId: 'flt_1', incarnation: 'inc_1' }

function chain(reasons: readonly string[], from: AuditRecord[] = []): AuditRecord[] {
  const rows = [...from]
  for (const reason of reasons) rows.push(seal(entry({ reason }), rows.at(-1) ?? genesis))
  return rows
}

function sourceOf(rows: readonly AuditRecord[]) {
  return {
    auditFrom: async (after: number, limit: number) => rows.filter(row => row.seq > after).slice(0, limit),
    auditTotal: async () => rows.length,
  }
}

describe('an anchor', () => {
  const head = { seq: 42, hash: 'a'.repeat(64), at: 1_790_000_000_000 }

  test('is read back from its key; keys sort as the rows do', () => {
    const key = anchorKey(place, head)
    expect(anchorOf(key, place)).toEqual({ incarnation: 'inc_1', seq: 42, hash: head.hash })
    expect(anchorKey(place, { ...head, seq: 9 }) < key).toBe(true)
    expect(key < anchorKey(place, { ...head, seq: 100_000 })).toBe(true)
  })

  test('of the same head has the same bytes, whenever it is written', () => {
    expect(anchorContent(place, head)).toEqual(anchorContent(place, { ...head }))
    expect(JSON.parse(new TextDecoder().decode(anchorContent(place, head)))).toEqual({
      format: 'holdfast-audit-anchor-v1',
      ...{ fleet_id: 'flt_1', incarnation: 'inc_1', seq: 42, hash: head.hash, at: head.at },
    })
  })

  test.each([
    'v1/anchors/flt_2/inc_1/000000000042-aa.json',
    `v1/anchors/flt_1/inc_1/000000000042-${'g'.repeat(64)}.json`,
    `v1/anchors/flt_1/inc_1/0-${'a'.repeat(64)}.json`,
    `v1/anchors/flt_1/inc_1/000000000000-${'a'.repeat(64)}.json`,
    `v1/anchors/flt_1/inc_1/x/000000000042-${'a'.repeat(64)}.json`,
    'v1/manifests/2026/m.json',
  ])('%s is none', key => {
    expect(anchorOf(key, place)).toBeUndefined()
  })
})

describe('a chain whose every hash fits', () => {
  const true5 = chain(['1', '2', '3', '4', '5'])
  const anchorsAt = (...seqs: number[]) => seqs.map(seq => true5[seq - 1] as AuditRecord)

  test('rewritten from row 3 on: the first anchor that does not fit, and the last that does', async () => {
    const rewritten = chain(['forged', '4', '5'], true5.slice(0, 2))
    expect(await verifyChain(sourceOf(rewritten))).toMatchObject({ intact: true })
    expect(await verifyChain(sourceOf(rewritten), anchorsAt(2, 4))).toMatchObject({
      intact: false,
      ...{ brokenSeq: 4, problem: 'changed', detail: expect.stringContaining('rows from 3 on') },
    })
  })

  test('cut off, its count with it: the row after the last', async () => {
    const cut = true5.slice(0, 3)
    expect(await verifyChain(sourceOf(cut))).toMatchObject({ intact: true })
    expect(await verifyChain(sourceOf(cut), anchorsAt(2, 5))).toMatchObject({
      intact: false,
      ...{ brokenSeq: 4, problem: 'removed', detail: expect.stringContaining('up to 5') },
    })
  })

  test('with two anchors of one row that differ is somebody’s second chain', async () => {
    const anchors = [...anchorsAt(3), { seq: 3, hash: 'f'.repeat(64) }]
    expect(await verifyChain(sourceOf(true5), anchors)).toMatchObject({ brokenSeq: 3, problem: 'changed' })
  })

  test('that fits its anchors is intact', async () => {
    expect(await verifyChain(sourceOf(true5), anchorsAt(1, 3, 5))).toMatchObject({ intact: true, checked: 5 })
  })
})
