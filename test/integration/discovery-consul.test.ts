import { afterEach, describe, expect, test } from 'vitest'
import { consulDiscovery, type DiscoverySnapshot } from '../../shared/discovery/index.ts'
import { type ConsulServer, requireServers, startConsul, waitUntil } from '../harness/index.ts'

const servers = await requireServers('discovery from consul', 'consul')

describe.skipIf(servers.missing)('discovery from a real Consul', () => {
  let stop = async () => {}
  const snapshots: DiscoverySnapshot[] = []
  afterEach(async () => {
    await stop()
    snapshots.length = 0
  })

  const watch = (consul: ConsulServer, token?: () => string | undefined) => {
    const controller = new AbortController()
    const ended = consulDiscovery({
      address: consul.url,
      services: [{ name: 'postgres', engine: 'postgres' }],
      ...(token === undefined ? {} : { token: () => Promise.resolve(token()) }),
      times: { wait: 5_000, pause: 20, emptyGrace: 500, retryFirst: 50, retryMost: 200 },
    }).watch(snapshot => void snapshots.push(snapshot), controller.signal)
    stop = async () => {
      controller.abort()
      await ended
    }
  }
  const last = () => snapshots.at(-1)
  const ids = () => last()?.instances.map(instance => instance.serviceId)
  const code = () => {
    const health = last()?.health
    return health?.kind === 'failing' ? health.error.code : health?.kind
  }
  const until = (condition: () => boolean, what: string) => waitUntil(condition, { what, timeout: 20_000 })

  test('an instance that registers appears, one that leaves is gone, the last one after the grace', async () => {
    await using consul = await startConsul()
    watch(consul)
    await until(() => code() === 'ok' && ids()?.length === 0, 'an empty catalogue to be believed')
    await consul.register({
      name: 'postgres',
      id: 'a',
      address: '10.1.2.3',
      port: 5433,
      tags: ['x'],
      meta: { team: 't' },
    })
    await until(() => ids()?.length === 1, 'the first')
    expect(last()?.instances[0]).toMatchObject({
      datacenter: consul.datacenter,
      namespace: 'default',
      nodeName: 'dev1',
      nodeAddress: '127.0.0.1',
      serviceId: 'a',
      serviceName: 'postgres',
      address: '10.1.2.3',
      port: 5433,
      tags: ['x'],
      meta: { team: 't' },
      engine: 'postgres',
    })
    expect(last()?.instances[0]?.nodeId).toMatch(/^[0-9a-f-]{36}$/)
    await consul.register({ name: 'postgres', id: 'b' })
    await until(() => ids()?.length === 2, 'the second')
    await consul.deregister('a')
    await until(() => ids()?.join() === 'b', 'the first to go')
    await consul.deregister('b')
    await until(() => code() === 'discovery.invalid', 'doubt')
    expect(ids()).toEqual(['b'])
    await until(() => code() === 'ok', 'belief')
    expect(ids()).toEqual([])
  })

  test('while Consul is gone, and when it comes back empty, what is known stays', async () => {
    await using consul = await startConsul()
    await consul.register({ name: 'postgres', id: 'a' })
    watch(consul)
    await until(() => ids()?.length === 1, 'the instance')
    await consul.kill('SIGKILL')
    await until(() => code() === 'discovery.unavailable', 'the outage')
    expect(ids()).toEqual(['a'])
    await consul.restart()
    await until(() => code() === 'discovery.invalid', 'doubt')
    await consul.register({ name: 'postgres', id: 'a' })
    await until(() => code() === 'ok', 'health')
    expect(snapshots.filter(snapshot => snapshot.instances.length === 0)).toEqual([])
  })

  test('with ACLs, the empty 200 of a missing, unknown or weak token is a denial; a right one sees', async () => {
    await using consul = await startConsul({ acl: true })
    await consul.register({ name: 'postgres', id: 'a' })
    const weak = await consul.createToken(
      'node_prefix "" { policy = "read" } service "mysql" { policy = "read" }',
    )
    const right = await consul.createToken(
      'node_prefix "" { policy = "read" } service "postgres" { policy = "read" }',
    )
    for (const token of [undefined, '9f2c0f0e-0000-4000-8000-000000000000', weak]) {
      snapshots.length = 0
      watch(consul, () => token)
      await until(() => snapshots.length > 0, 'a snapshot')
      expect(code(), String(token === weak)).toBe('discovery.denied')
      await stop()
    }
    snapshots.length = 0
    let shown: string | undefined = right
    watch(consul, () => shown)
    await until(() => code() === 'ok', 'the instance')
    expect(ids()).toEqual(['a'])
    shown = undefined
    await until(() => code() === 'discovery.denied', 'the lost token to be told')
    expect(ids()).toEqual(['a'])
    shown = right
    await until(() => code() === 'ok', 'health')
    await consul.deregister('a')
    await until(() => code() === 'ok' && ids()?.length === 0, 'a true emptiness to be believed')
  })
})
