import { afterEach, describe, expect, test } from 'vitest'
import { type ConsulKeyView, watchConsulKey } from '../../shared/discovery/index.ts'
import { holdfast } from '../cli/holdfast.ts'
import { type Running, withDatabase } from '../coordinator/running.ts'
import { type ConsulServer, requireServers, startConsul, waitUntil } from '../harness/index.ts'

const servers = await requireServers('policies in consul', 'consul')
const key = 'holdfast/policies'
const good = (rpo: string) => `fleet: { destination: main, rpo: ${rpo}, every: 1h }`

const put = (consul: ConsulServer, text: string) =>
  fetch(`${consul.url}/v1/kv/${key}`, {
    method: 'PUT',
    body: text,
    ...(consul.token === undefined ? {} : { headers: { 'x-consul-token': consul.token } }),
  })
const until = (condition: () => boolean | Promise<boolean>, what: string) =>
  waitUntil(condition, { what, timeout: 30_000 })

describe.skipIf(servers.missing)('policies in a key of a real Consul', () => {
  const policy = (fleet: Running, ...argv: string[]) =>
    holdfast(['policy', ...argv], { address: `127.0.0.1:${fleet.port}`, width: 200 })
  const alerts = async (fleet: Running) =>
    (await fleet.store.read.openAlerts()).filter(each => each.kind === 'policies-refused')
  const promise = async (fleet: Running, id: string) =>
    ((await fleet.store.read.databaseState(id as never))?.rpoMs ?? 0) / 3_600_000
  const changes = async (fleet: Running, action = 'policies.changed') =>
    (await fleet.store.read.audit({ size: 50 }, { action })).items

  test('hold as soon as they are written; a bad edit, an empty one, none at all: the last good ones stay and people are told', async () => {
    await using consul = await startConsul()
    const watched = { policy: { consul: { key, address: consul.url } } }
    await using world = await withDatabase(watched)
    const { fleet, database } = world
    await until(async () => (await alerts(fleet)).length === 1, 'that nothing is there to be told')
    expect((await policy(fleet, 'list')).out).toMatch(
      /from the configuration[\s\S]*consul key holdfast.policies is not there/,
    )

    await put(consul, good('5h'))
    await until(async () => (await promise(fleet, database.id)) === 5, 'the promise of the key')
    await until(async () => (await alerts(fleet)).length === 0, 'the alert to be over')
    const [first] = await changes(fleet)
    expect(first).toMatchObject({ actor: 'consul', subject: 'policies/2' })
    expect(first?.detail['changes']).toContain('+ fleet.rpo: 5h')

    await put(consul, 'fleet: { destination: main, rpo: soon }')
    await until(async () => (await alerts(fleet)).length === 1, 'the bad edit to be told')
    const listed = (await policy(fleet, 'list')).out
    expect(listed).toContain('a newer text is refused')
    expect(listed).toContain('fleet.rpo (consul key holdfast/policies:1): expected a duration')
    expect(await promise(fleet, database.id)).toBe(5)
    expect((await changes(fleet, 'policies.refused')).length).toBe(2)

    await put(consul, good('6h'))
    await until(async () => (await promise(fleet, database.id)) === 6, 'the good edit')
    await until(async () => (await alerts(fleet)).length === 0, 'the alert to be over')
    expect((await changes(fleet))[0]?.detail['changes']).toBe('~ fleet.rpo: 5h -> 6h')

    for (const emptied of [() => put(consul, ''), () => consul.request('DELETE', `/v1/kv/${key}`)]) {
      // the alert of what comes and goes stays open for a while: what is shown follows at once
      const refused = async () => (await policy(fleet, 'list')).out.includes('a newer text is refused')
      await emptied()
      await until(refused, 'emptiness to be told')
      expect(await promise(fleet, database.id)).toBe(6)
      await put(consul, good('6h'))
      await until(async () => !(await refused()), 'what is in force to be there again')
    }
    expect(await changes(fleet)).toHaveLength(2)

    const applied = await policy(fleet, 'apply', '--from-configuration')
    expect(applied.err).toContain('policy.elsewhere')

    // what else of the configuration lives there goes the same way
    const asked = { address: `127.0.0.1:${fleet.port}`, width: 200 }
    const slots = async () => (await holdfast(['agent', 'get', 'host1'], asked)).out
    await put(consul, `${good('6h')}\nslots_per_agent: 1`)
    await until(async () => /slots +\d\/1\n/.test(await slots()), 'fewer slots')
    await put(consul, `${good('6h')}\nalerts: { routes: [{ channels: [nobody] }] }`)
    await until(async () => (await alerts(fleet)).length === 1, 'the bad edit to be told')
    expect(await slots()).toMatch(/slots +\d\/1\n/)
    expect((await changes(fleet))[0]?.detail['changes']).toBe('+ slots_per_agent: 1')
  })

  test('while Consul is gone the last good ones hold, over a restart, too', async () => {
    await using consul = await startConsul()
    await put(consul, good('5h'))
    const watched = { policy: { consul: { key, address: consul.url } } }
    await using world = await withDatabase(watched)
    const { fleet, database } = world
    await until(async () => (await promise(fleet, database.id)) === 5, 'the promise of the key')
    await consul.kill('SIGKILL')
    await until(
      async () => (await policy(fleet, 'list')).out.includes('does not answer'),
      'the outage to be shown',
    )
    await fleet.restart()
    expect((await policy(fleet, 'list')).out).toContain('revision 2, from Consul')
    expect((await policy(fleet, 'get')).out.trim()).toBe(good('5h'))
    // back it is empty: nobody wrote that, the last good ones stay
    await consul.restart()
    await until(async () => (await alerts(fleet)).length === 1, 'emptiness to be told')
    expect(await promise(fleet, database.id)).toBe(5)
    await put(consul, good('7h'))
    await until(
      async () => (await promise(fleet, database.id)) === 7,
      'its index to be believed though it went back',
    )
  })
})

describe.skipIf(servers.missing)('a key of a real Consul', () => {
  const stopping = new Set<() => Promise<void>>()
  afterEach(async () => {
    for (const stop of stopping) await stop()
    stopping.clear()
  })
  const watch = (consul: ConsulServer, token: () => string | undefined = () => undefined) => {
    const views: ConsulKeyView[] = []
    const controller = new AbortController()
    const ended = watchConsulKey(
      {
        ...{ address: consul.url, key, token: () => Promise.resolve(token()) },
        times: { wait: 2_000, pause: 20, retryFirst: 50, retryMost: 200 },
      },
      view => void views.push(view),
      controller.signal,
    )
    stopping.add(async () => {
      controller.abort()
      await ended
    })
    return () => {
      const last = views.at(-1)
      return last?.kind === 'value' ? last.text : last?.kind === 'failing' ? last.error.code : last?.kind
    }
  }

  test('is denied without a token that may read it, which is not the same as missing', async () => {
    await using consul = await startConsul({ acl: true })
    let token: string | undefined
    const last = watch(consul, () => token)
    await until(() => last() === 'discovery.denied', 'the denial')
    await put(consul, 'text')
    token = await consul.createToken('key "other" { policy = "read" }')
    await until(() => last() === 'discovery.denied', 'the denial')
    token = await consul.createToken(`key "${key}" { policy = "read" }`)
    await until(() => last() === 'text', 'the text')
  })

  test('is told with every change, whatever is in it', async () => {
    await using consul = await startConsul()
    const last = watch(consul)
    await until(() => last() === 'missing', 'nothing')
    for (const text of ['a: 1', 'ä: "✓"\n', '', 'x'.repeat(500_000)]) {
      await put(consul, text)
      await until(() => last() === text, `${text.slice(0, 10)}`)
    }
  })
})
