import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AlertFact, recordFact } from '../../../coordinator/alerts/index.ts'
import type { OutboxRecord } from '../../../coordinator/store/records.ts'
import type { AlertId } from '../../../shared/model/identifiers.ts'
import { type FreshStore, freshStore } from '../store/fresh-store.ts'
import { breach, kept, telling } from './facts.ts'

let fresh: FreshStore
beforeEach(async () => {
  fresh = await freshStore()
})
afterEach(() => fresh[Symbol.asyncDispose]())

const now = 1_800_000_000_000
const channels = ['ops', 'boss']

function record(fact: AlertFact, at = now) {
  return fresh.store.write('fact', tx => recordFact(tx, fact, at, telling(channels)))
}

async function alertIds(): Promise<readonly AlertId[]> {
  return (await fresh.store.read.alerts({ size: 100 }, {})).items.map(({ id }) => id)
}

async function outbox(): Promise<readonly OutboxRecord[]> {
  const rows = await Promise.all((await alertIds()).map(id => fresh.store.read.outboxOf(id)))
  return rows.flat().sort((a, b) => a.id - b.id)
}

/** As the delivery loop leaves a message behind after a try. */
async function tried(message: OutboxRecord, lastError: string): Promise<void> {
  await fresh.store.write('test', tx => tx.outbox.put({ ...message, attempts: 1, lastError }))
}

const brief = (rows: readonly OutboxRecord[]) => rows.map(row => `${row.channel} ${row.event} ${row.state}`)

describe('recording a fact', () => {
  it('leaves neither alert nor message when the step it belongs to fails', async () => {
    const step = fresh.store.write('fact', async tx => {
      await recordFact(tx, breach(), now, telling(channels))
      throw new Error('the job could not be written')
    })
    await expect(step).rejects.toThrow('the job could not be written')
    expect(await alertIds()).toEqual([])
    expect(await fresh.store.read.outboxCounts()).toEqual({ pending: 0, dead: 0 })
  })

  it('does nothing when an alert that is not open resolves', async () => {
    expect(await record(kept())).toBe('unchanged')
    expect(await outbox()).toEqual([])
  })

  it('opens one alert with one message for each channel', async () => {
    expect(await record(breach())).toBe('opened')
    const [first, second] = await outbox()
    expect(brief(await outbox())).toEqual(['ops opened pending', 'boss opened pending'])
    expect(first?.idempotencyKey).toBe(`${(await alertIds())[0]}.opened`)
    expect(second?.payload).toBe(first?.payload)
    expect(JSON.parse(first?.payload ?? '')).toMatchObject({
      version: 1,
      event: 'opened',
      alert: { kind: 'rpo-breach', severity: 'critical', dedup_key: 'breach/dbs_1' },
    })
  })

  it('tells nobody twice: a repeated fact brings the open alert up to date', async () => {
    await record(breach())
    expect(await record(breach())).toBe('unchanged')
    const worse = { ...breach(), reason: 'agent-silent' } as AlertFact
    expect(await record(worse)).toBe('updated')
    const [alert, ...others] = await fresh.store.read.openAlerts()
    expect(others).toEqual([])
    expect(alert?.facts['reason']).toBe('agent-silent')
    expect(await outbox()).toHaveLength(2)
  })

  it('an opened that never left and its resolved cancel each other', async () => {
    await record(breach())
    expect(await record(kept(), now + 1)).toBe('resolved')
    expect(brief(await outbox())).toEqual(['ops opened cancelled', 'boss opened cancelled'])
    expect(await fresh.store.read.openAlerts()).toEqual([])
  })

  it('an opened that surely was not taken cancels out, one that perhaps was is followed by its resolved', async () => {
    await record(breach())
    const [ops, boss] = await outbox()
    if (ops === undefined || boss === undefined) throw new Error('no messages')
    await tried(ops, 'not delivered: refused')
    await tried(boss, 'perhaps delivered: no answer')
    await record(kept(), now + 1)
    expect(brief(await outbox())).toEqual([
      'ops opened cancelled',
      'boss opened pending',
      'boss resolved pending',
    ])
  })

  it('an opened that was delivered is followed by its resolved', async () => {
    await record(breach())
    for (const row of await outbox())
      await fresh.store.write('test', tx => tx.outbox.put({ ...row, attempts: 1, state: 'delivered' }))
    await record(kept(), now + 60_000)
    const resolved = (await outbox()).filter(row => row.event === 'resolved')
    expect(brief(resolved)).toEqual(['ops resolved pending', 'boss resolved pending'])
    expect(JSON.parse(resolved[0]?.payload ?? '')).toMatchObject({
      event: 'resolved',
      alert: { summary: 'orders/shop is inside its RPO again', resolved_at: '2027-01-15T08:01:00.000Z' },
    })
  })

  it('what breaks again is a new alert with a new id and new idempotency keys', async () => {
    await record(breach())
    await record(kept(), now + 1)
    await record(breach(), now + 2)
    expect(await alertIds()).toHaveLength(2)
    const keys = (await outbox()).filter(row => row.channel === 'ops').map(row => row.idempotencyKey)
    expect(new Set(keys).size).toBe(2)
  })
})
