import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AuditSink } from '../../../coordinator/audit/ship/index.ts'
import { AuditShipper } from '../../../coordinator/operations/ship-audit.ts'
import type { Term } from '../../../coordinator/operations/term.ts'
import type { Store } from '../../../coordinator/store/port.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { admin, running } from '../running.ts'
import { freshStore } from '../store/fresh-store.ts'

/** A sink that a test can break. */
class Sink implements AuditSink {
  readonly kind = 'file'
  readonly to = 'memory'
  readonly seqs: number[] = []
  broken: Error | undefined
  /** What comes before it breaks. */
  breakAfter = 0

  async send(rows: Parameters<AuditSink['send']>[0]): Promise<void> {
    if (this.broken === undefined) this.seqs.push(...rows.map(each => each.seq))
    else {
      this.seqs.push(...rows.slice(0, this.breakAfter).map(each => each.seq))
      throw this.broken
    }
  }
}

const append = (store: Store, count: number) =>
  store.write('test', async tx => {
    for (let i = 0; i < count; i++)
      await tx.audit.append({
        ...{
          at: 1,
          class: 'history',
          actor: 'operator:a',
          action: 'x',
          subject: `s${i}`,
          reason: '',
          detail: {},
        },
      })
  })

/** As much of a term as shipping knows. */
function termOf(store: Store): Term & { advance(ms: number): void } {
  let mono = 0
  return {
    advance: (ms: number) => {
      mono += ms
    },
    store,
    leads: () => true,
    signal: new AbortController().signal,
    clock: { now: () => ({ wall: 1_800_000_000_000 + mono, mono }) },
    log: silentLog,
    alerts: { get: () => undefined },
  } as unknown as Term & { advance(ms: number): void }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

test('events go in the order of the chain; a new leader goes on where the last one was', async () => {
  await using fresh = await freshStore()
  const sink = new Sink()
  await append(fresh.store, 1_203)
  await new AuditShipper(sink, 0, termOf(fresh.store)).run()
  expect(sink.seqs).toEqual(upTo(1_203))
  await append(fresh.store, 2)
  const next = new AuditShipper(sink, 0, termOf(fresh.store))
  await next.run()
  expect(sink.seqs).toEqual(upTo(1_205))
  expect(next.state).toEqual({ kind: 'file', failing: false, waiting: 0 })
})

test('what a failed batch may have left is sent again, and none is left out', async () => {
  await using fresh = await freshStore()
  const sink = new Sink()
  const term = termOf(fresh.store)
  const shipper = new AuditShipper(sink, 60_000, term)
  await append(fresh.store, 3)
  await shipper.run()
  await append(fresh.store, 4)
  sink.broken = new Error('full')
  sink.breakAfter = 2
  await shipper.run()
  expect(shipper.state).toEqual({ kind: 'file', failing: true, waiting: 4 })
  // it waits a little before it tries again
  sink.broken = undefined
  await shipper.run()
  expect(sink.seqs).toEqual([1, 2, 3, 4, 5])
  term.advance(1_000)
  await shipper.run()
  expect(sink.seqs).toEqual([1, 2, 3, 4, 5, 4, 5, 6, 7])
  expect(shipper.state).toEqual({ kind: 'file', failing: false, waiting: 0 })
})

test('two runs at a time ship nothing twice and move the position once', async () => {
  await using fresh = await freshStore()
  const sink = new Sink()
  await append(fresh.store, 5)
  const shipper = new AuditShipper(sink, 0, termOf(fresh.store))
  await Promise.all([shipper.run(), shipper.run(true)])
  await append(fresh.store, 1)
  await new AuditShipper(sink, 0, termOf(fresh.store)).run()
  expect(sink.seqs).toEqual(upTo(6))
})

test('a coordinator ships to a file, tells people when that fails, holds up nothing, and catches up', async () => {
  await using folder = await temporaryFolder('ship')
  const path = join(folder.path, 'later', 'audit.jsonl')
  await using fleet = await running({
    audit: { ship: { file: { path }, every: '20ms', patience: '50ms' } },
  })
  const pause = (subject: string) =>
    fleet.coordinator.operations.pause(admin, {
      ...{ scope: 'host', subject, name: subject, reason: 'so', requestId: crypto.randomUUID() },
    })
  await pause('one')
  const alert = async (state: 'open' | 'resolved') =>
    (await fleet.store.read.alerts({ size: 10 }, { state })).items.find(
      each => each.kind === 'audit-not-shipped',
    )
  const open = await waitUntil(() => alert('open'), { what: 'the alert' })
  expect(open.summary).toMatch(/the audit does not reach .*later\/audit\.jsonl since .* \(ENOENT\)/)
  await pause('two')
  const { mkdir } = await import('node:fs/promises')
  await mkdir(join(folder.path, 'later'))
  await waitUntil(() => alert('resolved'), { what: 'the end of the alert' })
  await pause('three')
  await fleet.restart()
  await pause('four')
  const total = await fleet.store.read.auditTotal()
  const lines = await waitUntil(
    async () => {
      const told = (await readFile(path, 'utf8')).split('\n').filter(line => line !== '')
      return told.length >= total ? told : undefined
    },
    { what: 'every event to be there' },
  )
  expect(lines.map(line => (JSON.parse(line) as { seq: number }).seq)).toEqual(upTo(total))
})
