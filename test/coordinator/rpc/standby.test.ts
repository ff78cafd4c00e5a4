import { describe, expect, test } from 'vitest'
import { startCoordinator } from '../../../coordinator/coordinator.ts'
import { openStore, type Store } from '../../../coordinator/store/index.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { FakeAgent } from '../../harness/fake-agent.ts'
import { freePort, waitUntil } from '../../harness/index.ts'
import { admin, testConfig, withDatabase } from '../running.ts'

/** A store whose leadership and writes the test can take away. */
async function faultyStore() {
  const store = await openStore({ url: 'sqlite::memory:', clock: systemClock, log: silentLog })
  const faults = { standby: false, deposed: false, away: false }
  const { leadership } = store
  const faulty: Store = {
    ...store,
    read: store.read,
    leadership: {
      get term() {
        return leadership.term
      },
      tryAcquire: (holder, stale) =>
        faults.standby ? Promise.resolve(undefined) : leadership.tryAcquire(holder, stale),
      renew: () => (faults.deposed ? Promise.resolve(false) : leadership.renew()),
      release: () => leadership.release(),
    },
    write: (label, step) =>
      faults.away ? Promise.reject(new AppError('store.unavailable')) : store.write(label, step),
  }
  return { store: faulty, faults }
}

async function ready(port: number) {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`)
  return { status: response.status, body: (await response.json()) as { reasons: string[] } }
}

describe('a coordinator that does not lead', () => {
  test('refuses sessions and mutations with leader.none, is alive and not ready; then takes over', async () => {
    const { store, faults } = await faultyStore()
    faults.standby = true
    const statusPort = await freePort()
    const config = testConfig({ status: { port: statusPort } })
    const coordinator = await startCoordinator(config, silentLog, { store, sources: [] })
    try {
      expect((await fetch(`http://127.0.0.1:${statusPort}/healthz`)).status).toBe(200)
      const standby = await ready(statusPort)
      expect(standby.status).toBe(503)
      expect(standby.body.reasons.join()).toContain('standing by')
      const agent = await FakeAgent.connect({ port: coordinator.port })
      const refused = await agent.next('refused')
      expect(refused.failure?.code).toBe('leader.none')
      expect(refused.retryAfterMs).toBeGreaterThan(0)
      await agent.close()
      await expect(
        coordinator.operations.startBackup(admin, {
          databaseId: 'dbs_x' as never,
          requestId: 'r',
          reason: '',
        }),
      ).rejects.toMatchObject({ code: 'leader.none' })
      faults.standby = false
      await waitUntil(async () => (await ready(statusPort)).status === 200, { what: 'the takeover' })
      const again = await FakeAgent.connect({ port: coordinator.port })
      expect(again.frames[0]?.$case).toBe('welcome')
      await again.close()
      // shown from the first look of a leader on
      await expect
        .poll(async () => (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text())
        .toContain('holdfast_agents{state="connected"}')
    } finally {
      await coordinator.stop()
      await store.close()
    }
  })

  test('deposed: it closes its sessions, and its agents are served again by whoever leads next', async () => {
    const { store, faults } = await faultyStore()
    const coordinator = await startCoordinator(testConfig(), silentLog, { store, sources: [] })
    try {
      await waitUntil(() => coordinator.term !== undefined, { what: 'leadership' })
      const agent = await FakeAgent.connect({ port: coordinator.port })
      faults.standby = true
      faults.deposed = true
      await waitUntil(() => agent.status !== undefined, { what: 'the end of the session' })
      expect(coordinator.term).toBeUndefined()
      faults.standby = false
      faults.deposed = false
      await waitUntil(() => coordinator.term !== undefined, { what: 'leadership again' })
      const back = await agent.again()
      expect(back.frames[0]?.$case).toBe('welcome')
      await back.close()
      agent.cut()
    } finally {
      await coordinator.stop()
      await store.close()
    }
  })

  test('a store that fails in the middle of the work: memory is dropped, read again, and nothing is lost', async () => {
    const { store, faults } = await faultyStore()
    await using world = await withDatabase({}, {}, { store })
    const { agent, fleet } = world
    const assign = await agent.next('assign')
    const ref = await agent.accept(assign)
    faults.away = true
    agent.send({
      $case: 'uploadOpened',
      value: {
        attempt: ref,
        key: 'k',
        uploadId: 'u',
        attemptPrefix: `v1/data/${ref.attemptId}/`,
        destination: 'main',
      },
    })
    await waitUntil(() => agent.status !== undefined, { what: 'the end of the session' })
    faults.away = false
    await waitUntil(() => fleet.coordinator.term !== undefined, { what: 'a term' })
    const back = await agent.again()
    await back.next('start', each => each.attempt?.attemptId === ref.attemptId)
    await back.close()
  })
})
