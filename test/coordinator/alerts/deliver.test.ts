import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type AlertFact,
  createWebhook,
  type Delivering,
  type DeliveryOptions,
  type Notifier,
  recordFact,
  startDelivery,
} from '../../../coordinator/alerts/index.ts'
import type { Store } from '../../../coordinator/store/index.ts'
import type { OutboxRecord } from '../../../coordinator/store/records.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { Scope } from '../../../shared/lifecycle/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { freePort } from '../../harness/free-port.ts'
import { waitUntil } from '../../harness/wait-until.ts'
import { type WebhookSink, webhookSink } from '../../harness/webhook-sink.ts'
import { type FreshStore, freshStore } from '../store/fresh-store.ts'
import { breach, kept, telling } from './facts.ts'

// The real store, a real listener, the real clock; delays are short.

let scope: Scope
let fresh: FreshStore
let sink: WebhookSink
beforeEach(async () => {
  scope = new Scope()
  fresh = await freshStore()
  scope.defer(async () => fresh[Symbol.asyncDispose]())
  sink = await webhookSink()
  scope.defer(() => sink.stop())
})
afterEach(() => scope.close())

function webhook(name = 'ops', url = `${sink.url}${name}`, timeout = 2_000): [string, Notifier] {
  return [name, createWebhook({ name, url, timeout })]
}

function deliver(options: Partial<DeliveryOptions> = {}): Delivering {
  return scope.own(
    startDelivery({
      store: fresh.store,
      notifiers: new Map([webhook()]),
      clock: systemClock,
      log: silentLog,
      pollEvery: 50,
      baseDelay: 10,
      maxDelay: 40,
      grace: 1_000,
      ...options,
    }),
  )
}

async function tell(fact: AlertFact, channels: readonly string[] = ['ops']): Promise<void> {
  const now = systemClock.now().wall
  await fresh.store.write('fact', tx => recordFact(tx, fact, now, telling(channels)))
}

async function outbox(): Promise<readonly OutboxRecord[]> {
  const alerts = (await fresh.store.read.alerts({ size: 100 }, {})).items
  const rows = await Promise.all(alerts.map(({ id }) => fresh.store.read.outboxOf(id)))
  return rows.flat().sort((a, b) => a.id - b.id)
}

async function settled(states: readonly string[]): Promise<readonly OutboxRecord[]> {
  return waitUntil(
    async () => {
      const rows = await outbox()
      return rows.map(row => row.state).join() === states.join() && rows
    },
    { what: `an outbox of ${states.join()}` },
  )
}

const events = () => sink.requests.map(({ headers }) => headers['holdfast-event'])
const keys = () => new Set(sink.requests.map(({ headers }) => headers['idempotency-key']))

describe('delivery at least once', () => {
  it('tries again after a refusal, an error, a time-out and a drop, with the same key and the same bytes', async () => {
    sink.refuse(404)
    sink.refuse(500)
    sink.delay(10_000)
    sink.drop()
    await tell(breach())
    deliver({ notifiers: new Map([webhook('ops', sink.url, 800)]) })
    const [row] = await settled(['delivered'])
    expect(row?.attempts).toBe(5)
    expect(row?.lastError).toBeUndefined()
    // The one that hung was answered only after it had been left.
    expect(sink.requests.length).toBeGreaterThanOrEqual(4)
    expect(keys().size).toBe(1)
    expect(new Set(sink.requests.map(({ body }) => body)).size).toBe(1)
  })

  it('waits as long as Retry-After asks, not as long as its own back-off', async () => {
    sink.respond({ status: 429, headers: { 'Retry-After': '3600' } })
    await tell(breach())
    deliver({ maxDelay: 3_600_000 })
    await sink.received(1)
    const [row] = await waitUntil(
      async () => {
        const rows = await outbox()
        return rows[0]?.lastError?.includes('429') && rows
      },
      { what: 'the refusal to be written' },
    )
    const wait = (row?.nextAttemptAt ?? 0) - systemClock.now().wall
    expect(wait).toBeGreaterThan(3_500_000)
    expect(wait).toBeLessThanOrEqual(3_600_000)
  })

  it('does not let a channel put itself to sleep for longer than the longest wait', async () => {
    sink.respond({ status: 503, headers: { 'Retry-After': '999999' } })
    await tell(breach())
    deliver()
    await sink.received(1)
    sink.respond({})
    await settled(['delivered'])
  })

  it('never sends an alert that was over before its channel could be reached', async () => {
    const port = await freePort()
    await tell(breach())
    deliver({
      notifiers: new Map([webhook('ops', `http://127.0.0.1:${port}/`)]),
      baseDelay: 60_000,
      maxDelay: 60_000,
    })
    await waitUntil(async () => (await outbox())[0]?.lastError?.startsWith('not delivered: '), {
      what: 'a refused connection',
    })
    await tell(kept())
    expect((await settled(['cancelled']))[0]?.event).toBe('opened')
    expect(await fresh.store.read.outboxCounts()).toEqual({ pending: 0, dead: 0 })
  })

  it('sends again what a leader had claimed when it died, once the claim is over', async () => {
    await tell(breach())
    const [row] = await outbox()
    if (row === undefined) throw new Error('no message')
    // As a leader that was killed between claim and outcome leaves it.
    await fresh.store.write('test', tx =>
      tx.outbox.put({
        ...row,
        attempts: 1,
        nextAttemptAt: systemClock.now().wall + 200,
        lastError: 'perhaps delivered: ',
      }),
    )
    deliver()
    expect((await settled(['delivered']))[0]?.attempts).toBe(2)
    expect(sink.requests[0]?.headers['holdfast-attempt']).toBe('2')
  })

  it('sends again when the outcome could not be written', async () => {
    await tell(breach())
    deliver({ store: failing(fresh.store, 'outbox.result', 1), claimFor: 150 })
    await settled(['delivered'])
    expect(sink.requests).toHaveLength(2)
    expect(keys().size).toBe(1)
  })

  it('sends nothing that was cancelled between the look at the outbox and the claim', async () => {
    await tell(breach())
    let looks = 0
    const read = {
      ...fresh.store.read,
      outboxDue: async (now: number, limit: number) => {
        const due = await fresh.store.read.outboxDue(now, limit)
        looks += 1
        if (due.length > 0) await tell(kept())
        return due
      },
    }
    deliver({ store: { read, write: fresh.store.write } })
    await settled(['cancelled'])
    const then = looks
    await waitUntil(() => looks > then + 1, { what: 'further looks' })
    expect(sink.requests).toEqual([])
    expect((await outbox())[0]?.state).toBe('cancelled')
  })

  it('what may have been taken once stays so, whatever is answered later', async () => {
    sink.delay(10_000)
    sink.refuse(404)
    await tell(breach())
    deliver({ notifiers: new Map([webhook('ops', sink.url, 100)]), maxAttempts: 2 })
    expect((await settled(['dead']))[0]?.lastError).toBe(
      `perhaps delivered: 127.0.0.1:${sink.port} answered 404`,
    )
  })

  it('claims nothing, hence sends nothing, when this coordinator leads no more', async () => {
    await tell(breach())
    const deposed = failing(fresh.store, 'outbox.claim', Number.POSITIVE_INFINITY)
    const delivering = deliver({ store: deposed, pollEvery: 1 })
    await waitUntil(() => deposed.failures > 3, { what: 'several refused claims' })
    await delivering.close()
    expect(sink.requests).toEqual([])
  })
})

describe('order', () => {
  it('a resolved waits for its opened to be taken', async () => {
    sink.refuse(500, 3)
    await tell(breach())
    deliver()
    await sink.received(1)
    await tell(kept())
    await settled(['delivered', 'delivered'])
    expect(events()).toEqual(['opened', 'opened', 'opened', 'opened', 'resolved'])
    expect(keys().size).toBe(2)
  })

  it('a resolved that comes while its opened is on the way is sent after it, not instead of it', async () => {
    sink.delay(150)
    await tell(breach())
    deliver()
    await waitUntil(async () => (await outbox())[0]?.attempts === 1, { what: 'a claim' })
    await tell(kept())
    await settled(['delivered', 'delivered'])
    expect(events()).toEqual(['opened', 'resolved'])
  })

  it('other keys and other channels do not wait for one that is refused', async () => {
    const other = await webhookSink()
    scope.defer(() => other.stop())
    sink.respond({ status: 500 })
    await tell(breach('dbs_1'), ['ops', 'boss'])
    await tell(breach('dbs_2'), ['boss'])
    deliver({ notifiers: new Map([webhook(), webhook('boss', other.url)]) })
    await other.received(2)
    await waitUntil(async () => (await outbox()).filter(row => row.state === 'delivered').length === 2, {
      what: 'the other channel to be served',
    })
    sink.respond({})
    await settled(['delivered', 'delivered', 'delivered'])
  })

  it('a channel that hangs with many messages holds up no other', async () => {
    const hanging = await webhookSink()
    scope.defer(() => hanging.stop())
    hanging.delay(60_000, 100)
    for (let n = 0; n < 40; n += 1) await tell(breach(`dbs_${n}`), ['dead'])
    await tell(breach('dbs_x'), ['ops'])
    deliver({ notifiers: new Map([webhook('dead', hanging.url, 30_000), webhook()]), grace: 0 })
    await sink.received(1)
    expect(sink.accepted[0]?.body).toContain('"breach/dbs_x"')
  })

  it('holds for every key under many alerts at a time', async () => {
    deliver({ parallel: 4 })
    sink.refuse(500, 10)
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 10; n += 1) await tell(breach(`dbs_${n}`))
      await waitUntil(async () => (await fresh.store.read.outboxCounts()).pending === 0, {
        what: 'all opened',
      })
      for (let n = 0; n < 10; n += 1) await tell(kept(`dbs_${n}`))
    }
    await waitUntil(async () => (await fresh.store.read.outboxCounts()).pending === 0, {
      what: 'all resolved',
    })
    for (let n = 0; n < 10; n += 1) {
      const mine = sink.accepted.filter(({ body }) => body.includes(`"breach/dbs_${n}"`))
      expect(mine.map(({ headers }) => headers['holdfast-event'])).toEqual(
        Array.from({ length: 6 }, (_, i) => (i % 2 === 0 ? 'opened' : 'resolved')),
      )
    }
  })
})

describe('giving up', () => {
  it('a message is dead after its last try, counted and told in the log; its resolved still goes', async () => {
    sink.refuse(500, 3)
    const dead: string[] = []
    await tell(breach())
    deliver({
      maxAttempts: 3,
      metrics: { delivered: () => {}, failed: () => {}, dead: channel => dead.push(channel) },
    })
    const [row] = await settled(['dead'])
    expect(row?.attempts).toBe(3)
    expect(row?.lastError).toBe(`perhaps delivered: 127.0.0.1:${sink.port} answered 500`)
    expect(dead).toEqual(['ops'])
    expect(await fresh.store.read.outboxCounts()).toEqual({ pending: 0, dead: 1 })
    await tell(kept())
    await settled(['dead', 'delivered'])
    expect(events().at(-1)).toBe('resolved')
  })

  it('a message for a channel that is no longer configured is dead at once', async () => {
    await tell(breach(), ['former'])
    deliver()
    expect((await settled(['dead']))[0]?.lastError).toBe('not delivered: no such channel is configured')
  })

  it('a channel that throws is a failed try, not the end of the loop', async () => {
    let calls = 0
    const rude: Notifier = {
      name: 'ops',
      deliver: async () => {
        calls += 1
        if (calls === 1) throw new Error('a defect')
        return { kind: 'delivered' }
      },
    }
    await tell(breach())
    deliver({ notifiers: new Map([['ops', rude]]) })
    await settled(['delivered'])
    expect(calls).toBe(2)
  })
})

describe('waking and closing', () => {
  it('wake delivers without waiting for the next look', async () => {
    const delivering = deliver({ pollEvery: 600_000 })
    await tell(breach())
    delivering.wake()
    await settled(['delivered'])
  })

  it('a retry comes when it is due, not at the next look', async () => {
    sink.refuse(500, 2)
    await tell(breach())
    deliver({ pollEvery: 600_000 })
    await settled(['delivered'])
  })

  it('close delivers what is due before it ends', async () => {
    const delivering = deliver({ pollEvery: 600_000 })
    await tell(breach())
    await delivering.close()
    expect(sink.accepted).toHaveLength(1)
    expect((await outbox())[0]?.state).toBe('delivered')
  })

  it('close leaves what hangs after the grace, to be sent again by the next leader', async () => {
    sink.delay(20_000)
    await tell(breach())
    const delivering = deliver({ notifiers: new Map([webhook('ops', sink.url, 30_000)]), grace: 50 })
    await waitUntil(async () => (await outbox())[0]?.attempts === 1, { what: 'a claim' })
    await delivering.close()
    const [row] = await outbox()
    expect(row).toMatchObject({ state: 'pending', attempts: 1, lastError: 'perhaps delivered: interrupted' })
    deliver()
    await settled(['delivered'])
  })
})

/** The store, whose writes of one label are refused as often as said. */
function failing(store: Store, label: string, times: number) {
  const broken = {
    failures: 0,
    read: store.read,
    write: async <T>(each: string, step: Parameters<typeof store.write<T>>[1]): Promise<T> => {
      if (each === label && broken.failures < times) {
        broken.failures += 1
        throw new AppError('leader.deposed')
      }
      return store.write(each, step)
    },
  }
  return broken
}
