import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  layStack,
  type PostgresServer,
  requireServers,
  type Stack,
  startPostgres,
  type WebhookSink,
  waitUntil,
  webhookSink,
} from '../harness/index.ts'

interface AlertEvent {
  readonly event: 'opened' | 'resolved'
  readonly alert: {
    readonly id: string
    readonly kind: string
    readonly dedup_key: string
    readonly summary: string
    readonly facts: Record<string, string>
  }
}

const here = await requireServers('alarms', 'postgres')
describe.skipIf(here.missing)('what people are told, by real processes over a real webhook', () => {
  let pg: PostgresServer
  let hook: WebhookSink
  let watchdog: WebhookSink
  let stack: Stack
  let good: string

  beforeAll(async () => {
    ;[pg, hook, watchdog] = await Promise.all([startPostgres(), webhookSink(), webhookSink()])
    await pg.createDatabase('orders')
    await pg.psql('CREATE TABLE t AS SELECT generate_series(1, 10) AS i', 'orders')
    const role = await pg.createRole('backup', 'SUPERUSER')
    good = role.password
    stack = await layStack({
      coordinator: {
        webhook: hook.url,
        deadMan: watchdog.url,
        policies: [
          {
            name: 'tight',
            match: { databases: ['orders'] },
            every: '4s',
            rpo: '8s',
            retry: { attempts: 2, base_delay: '200ms', max_delay: '300ms' },
          },
          { name: 'rest', every: '24h', rpo: '26h' },
        ],
      },
      agents: [
        {
          name: 'db1',
          logins: [{ engine: 'postgres', port: pg.port, user: role.user, passwordFile: role.passwordFile }],
        },
      ],
    })
    await stack.start()
  })
  afterAll(async () => {
    await stack?.stop()
    await Promise.all([pg?.stop(), hook?.stop(), watchdog?.stop()])
  })

  const events = () => hook.accepted.map(each => each.json() as AlertEvent)
  const told = (event: AlertEvent['event'], kind: string) =>
    waitUntil(() => events().find(each => each.event === event && each.alert.kind === kind), {
      what: `${kind} ${event} (so far ${events().map(each => `${each.alert.kind} ${each.event}`)})`,
      timeout: 60_000,
      interval: 100,
    })
  const login = (password: string) => pg.psql(`ALTER ROLE backup PASSWORD '${password}'`)
  const gaps = async () => (await stack.look('gap', 'list')).code

  test('while all is well nobody is told anything, and the watchdog is pinged', async () => {
    await waitUntil(async () => (await gaps()) === 0, { what: 'no gap', timeout: 25_000, interval: 200 })
    await watchdog.received(3)
    expect(events()).toEqual([])
  })

  test('a final failure and the breach that follows: one alert each, a gap, and both resolved once mended', {
    timeout: 120_000,
  }, async () => {
    hook.refuse(503)
    await login('something else')
    const failed = await told('opened', 'job-failed')
    expect(failed.alert.facts).toMatchObject({ job_kind: 'backup', code: 'database.auth-failed' })
    const breach = await told('opened', 'rpo-breach')
    expect(breach.alert.summary).toMatch(/orders has no good backup inside its RPO/)
    expect(await gaps()).toBe(1)
    await login(good)
    const mended = await told('resolved', 'rpo-breach')
    expect(mended.alert.id).toBe(breach.alert.id)
    await waitUntil(async () => (await gaps()) === 0, { what: 'no gap', timeout: 25_000, interval: 200 })
    expect((await told('resolved', 'job-failed')).alert.kind).toBe('job-failed')
    const keys = hook.accepted.map(each => each.headers['idempotency-key'])
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('an agent that falls silent is told of, and again when it is heard', { timeout: 90_000 }, async () => {
    await stack.agent('db1').kill('SIGKILL')
    const silent = await told('opened', 'agent-silent')
    expect(await gaps()).toBe(1)
    await stack.agent('db1').start()
    const heard = await told('resolved', 'agent-silent')
    expect(heard.alert.id).toBe(silent.alert.id)
    const list = await stack.holdfast('alert', 'list')
    expect(list.code).toBe(0)
  })

  test('a coordinator that is stopped no longer pings', async () => {
    expect(await stack.coordinator.stop()).toBe(0)
    const pings = watchdog.requests.length
    await stack.coordinator.start()
    await watchdog.received(pings + 1, { timeout: 20_000 })
  })
})
