import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seal, verifyChain } from '../../coordinator/audit/index.ts'
import type { Store } from '../../coordinator/store/index.ts'
import { entry } from './store-records.ts'
import type { MakeStore } from './store-under-test.ts'

async function fill(store: Store, rows: number): Promise<void> {
  await Promise.all(
    Array.from({ length: rows }, (_, i) =>
      store.write('x', tx => tx.audit.append(entry({ subject: `job_${i + 1}`, detail: { i } }))),
    ),
  )
}

export function storeAuditSuite(make: MakeStore): void {
  describe('the audit', () => {
    test('numbers its rows without holes from 1 and chains each to the one before', async () => {
      await using under = await make()
      const store = await under.open()
      await fill(store, 5)
      const rows = await store.read.auditFrom(0, 10)
      expect(rows.map(row => row.seq)).toEqual([1, 2, 3, 4, 5])
      for (const [i, row] of rows.entries())
        expect(row.prevHash).toBe(i === 0 ? '0'.repeat(64) : rows[i - 1]?.hash)
      expect(await store.read.auditFrom(3, 1)).toEqual(rows.slice(3, 4))
      expect(await store.read.auditTotal()).toBe(5)
      expect(await verifyChain(store.read)).toEqual({
        intact: true,
        checked: 5,
        headSeq: 5,
        headHash: rows.at(-1)?.hash,
      })
    })

    test('an empty audit is intact', async () => {
      await using under = await make()
      const store = await under.open()
      expect(await verifyChain(store.read)).toMatchObject({ intact: true, checked: 0 })
    })

    test('gives back what it hashed, whatever the text: NUL, lone surrogates, long keys, odd numbers', async () => {
      await using under = await make()
      const store = await under.open()
      const odd = entry({
        actor: 'a\0b\ud800c',
        subject: 'ü'.repeat(3_000),
        reason: `\n\t"\\ ${'🦉'.repeat(2_000)}`,
        detail: { 'k\0': 'v\udc00', tiny: 5e-324, huge: 1.7e308, nan: Number.NaN, minus: -0, no: false },
      })
      const appended = await store.write('x', tx => tx.audit.append(odd))
      expect(await store.read.auditFrom(0, 1)).toEqual([appended])
      expect(appended).toMatchObject({ actor: 'a\ufffdb\ufffdc', reason: odd.reason })
      expect(await verifyChain(store.read)).toMatchObject({ intact: true, checked: 1 })
    })

    test('several entries of one step follow each other, even when they are not awaited one by one', async () => {
      await using under = await make()
      const store = await under.open()
      await store.write('x', tx =>
        Promise.all(['a', 'b', 'c'].map(subject => tx.audit.append(entry({ subject })))),
      )
      const rows = await store.read.auditFrom(0, 10)
      expect(rows.map(row => [row.seq, row.subject])).toEqual([
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
      ])
      expect(await verifyChain(store.read)).toMatchObject({ intact: true })
    })

    test('lists newest first, by actor, action and subject', async () => {
      await using under = await make()
      const store = await under.open()
      const entries = [
        entry({ actor: 'ana' }),
        entry({ action: 'job.start' }),
        entry({ subject: 'job_9', class: 'security' }),
      ]
      for (const each of entries) await store.write('x', tx => tx.audit.append(each))
      const list = async (filter: Parameters<typeof store.read.audit>[1]) =>
        (await store.read.audit({ size: 10 }, filter)).items.map(row => row.seq)
      expect(await list({})).toEqual([3, 2, 1])
      expect(await list({ actor: 'ana' })).toEqual([1])
      expect(await list({ action: 'job.start' })).toEqual([2])
      expect(await list({ subject: 'job_9' })).toEqual([3])
      expect(await list({ subject: 'job_9', actor: 'ana' })).toEqual([])
      expect(await list({ oldestFirst: true })).toEqual([1, 2, 3])
    })

    test('lists a stretch of time, its end not part of it, from either end and in pages', async () => {
      await using under = await make()
      const store = await under.open()
      // a clock that was put back
      for (const at of [10, 20, 15, 30]) await store.write('x', tx => tx.audit.append(entry({ at })))
      const pages = async (filter: Parameters<typeof store.read.audit>[1], size: number) => {
        const seen: number[] = []
        let after: string | undefined
        do {
          const page = await store.read.audit({ size, ...(after === undefined ? {} : { after }) }, filter)
          seen.push(...page.items.map(row => row.at))
          after = page.next
        } while (after !== undefined)
        return seen
      }
      for (const size of [1, 2, 10]) {
        expect(await pages({ since: 15 }, size)).toEqual([30, 20, 15])
        expect(await pages({ since: 10, until: 30, oldestFirst: true }, size)).toEqual([10, 15, 20])
        expect(await pages({ until: 11 }, size)).toEqual([10])
      }
    })

    test.each([
      ['a changed reason', `update audit set reason = 'nothing' where seq = 3`, 3, 'changed'],
      ['a changed actor', `update audit set actor = 'operator:eve' where seq = 1`, 1, 'changed'],
      ['a changed time', 'update audit set at = at + 1 where seq = 5', 5, 'changed'],
      ['a changed detail', `update audit set detail = '{"i":99}' where seq = 2`, 2, 'changed'],
      ['a changed hash', `update audit set hash = prev_hash where seq = 4`, 4, 'changed'],
      ['a removed row', 'delete from audit where seq = 3', 3, 'removed'],
      ['a removed first row', 'delete from audit where seq = 1', 1, 'removed'],
      ['a removed last row', 'delete from audit where seq = 5', 5, 'removed'],
      ['a whole chain removed', 'delete from audit', 1, 'removed'],
      [
        'a removed row with the rest moved up',
        `delete from audit where seq = 2; update audit set seq = seq - 1 where seq = 3`,
        2,
        'changed',
      ],
    ])('finds %s', async (_what, sql, brokenSeq, problem) => {
      await using under = await make()
      const store = await under.open()
      await fill(store, 5)
      await under.tamper(sql)
      expect(await verifyChain(store.read)).toMatchObject({ intact: false, brokenSeq, problem })
    })

    test('finds an inserted row at the end, though its hash fits', async () => {
      await using under = await make()
      const store = await under.open()
      await fill(store, 2)
      const head = (await store.read.auditFrom(1, 1))[0]
      const forged = seal(entry({ actor: 'eve' }), { seq: 2, hash: head?.hash ?? '' })
      await under.tamper(
        `insert into audit select ${forged.seq}, ${forged.at}, '${forged.class}', '${forged.actor}', '${forged.action}',
         '${forged.subject}', '${forged.reason}', '${JSON.stringify(forged.detail)}', '${forged.prevHash}', '${forged.hash}'`,
      )
      expect(await verifyChain(store.read)).toMatchObject({
        intact: false,
        brokenSeq: 3,
        problem: 'inserted',
        checked: 3,
      })
    })

    test('an anchor finds a chain that was written anew', async () => {
      await using under = await make()
      const store = await under.open()
      await fill(store, 3)
      const anchor = { seq: 3, hash: (await store.read.auditFrom(2, 1))[0]?.hash ?? '' }
      expect(await verifyChain(store.read, [anchor])).toMatchObject({ intact: true })
      expect(await verifyChain(store.read, [{ seq: 2, hash: 'f'.repeat(64) }])).toMatchObject({
        brokenSeq: 2,
      })
      expect(await verifyChain(store.read, [{ seq: 9, hash: anchor.hash }])).toMatchObject({
        brokenSeq: 4,
        problem: 'removed',
      })
    })

    test('property: whatever steps interleave, fail or throw between appends, the chain is gapless and intact', async () => {
      await using under = await make()
      const store = await under.open()
      const expected: string[] = []
      const step = fc.record({
        appends: fc.integer({ min: 0, max: 3 }),
        ending: fc.constantFrom('good', 'good', 'throws', 'breaks a constraint'),
      })
      let n = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async steps => {
          await Promise.allSettled(
            steps.map(({ appends, ending }) => {
              const subjects = Array.from({ length: appends }, () => `subject-${n++}`)
              if (ending === 'good') expected.push(...subjects)
              return store.write('x', async tx => {
                for (const subject of subjects) await tx.audit.append(entry({ subject }))
                if (ending === 'throws') throw new Error('as told')
                if (ending === 'breaks a constraint') {
                  await tx.requests.put('same', 1, '')
                  await tx.requests.put('same', 1, '')
                }
              })
            }),
          )
          const verdict = await verifyChain(store.read)
          expect(verdict).toMatchObject({ intact: true, checked: expected.length })
        }),
        { numRuns: 25 },
      )
      const rows = []
      for (let after = 0; ; ) {
        const page = await store.read.auditFrom(after, 100)
        rows.push(...page)
        if (page.length === 0) break
        after += page.length
      }
      expect(rows.map(row => row.subject)).toEqual(expected)
    })
  })
}
