import { expect, test } from 'vitest'
import { alertRules, type Notifier, watchStore } from '../../../coordinator/alerts/index.ts'
import { newId } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'

/** A clock the test moves; nobody sleeps by it. */
function world(refusals = 0) {
  let mono = 0
  const told: string[] = []
  let left = refusals
  const notifier: Notifier = {
    name: 'ops',
    deliver: async ({ event, idempotencyKey }) => {
      if (left-- > 0) return { kind: 'failed', error: 'no', definite: true }
      told.push(`${event} ${idempotencyKey.split('.')[1]}`)
      return { kind: 'delivered' }
    },
  }
  const watch = watchStore({
    notifiers: new Map([['ops', notifier]]),
    rules: () => alertRules({ channels: ['ops'] }),
    newAlertId: () => newId('alert'),
    clock: {
      now: () => ({ mono, wall: 1_800_000_000_000 + mono }),
      sleep: (_, signal) =>
        new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
        ),
    },
    log: silentLog,
    patience: 30_000,
  })
  return {
    watch,
    told,
    pass: async (ms: number) => {
      mono += ms
      await watch.look()
    },
  }
}

test('a store that fails for a moment, or on a standby, is nobody’s business', async () => {
  const { watch, told, pass } = world()
  watch.failed('store.unavailable')
  await pass(60_000)
  watch.well()
  watch.leads(true)
  watch.failed('store.unavailable')
  await pass(29_999)
  watch.well()
  await pass(60_000)
  expect(told).toEqual([])
  await watch.close()
})

test('one that stays away is told once, past the store, until it was taken, and resolved when it answers', async () => {
  const { watch, told, pass } = world(2)
  watch.leads(true)
  watch.failed('store.unavailable')
  for (let i = 0; i < 6; i++) await pass(30_000)
  expect(told).toEqual(['opened opened'])
  watch.well()
  await pass(30_000)
  await pass(30_000)
  expect(told).toEqual(['opened opened', 'resolved resolved'])
  await watch.close()
})
