import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type ConsulDiscoveryOptions,
  consulDiscovery,
  type DiscoverySnapshot,
} from '../../shared/discovery/index.ts'
import {
  type ConsulServer,
  makeAuthority,
  requireServers,
  startConsul,
  startConsulServers,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'

vi.setConfig({ testTimeout: 90_000 })

const servers = await requireServers('trouble with consul', 'consul')

describe.skipIf(servers.missing)('a real Consul in trouble', () => {
  let stop = async () => {}
  const snapshots: DiscoverySnapshot[] = []
  afterEach(async () => {
    await stop()
    snapshots.length = 0
  })

  const watch = (address: string, options: Partial<ConsulDiscoveryOptions> = {}) => {
    const controller = new AbortController()
    const ended = consulDiscovery({
      address,
      services: [{ name: 'postgres', engine: 'postgres' }],
      ...options,
      times: {
        wait: 2_000,
        network: 1_000,
        pause: 20,
        emptyGrace: 60_000,
        retryFirst: 50,
        retryMost: 200,
        ...options.times,
      },
    }).watch(snapshot => void snapshots.push(snapshot), controller.signal)
    stop = async () => {
      controller.abort()
      await ended
    }
  }
  const last = () => snapshots.at(-1)
  const ids = () =>
    last()
      ?.instances.map(each => `${each.serviceId}.${each.datacenter}`)
      .sort()
      .join()
  const problem = () => {
    const health = last()?.health
    return health?.kind === 'failing' ? health.error : undefined
  }
  const until = (condition: () => boolean | undefined, what: string) =>
    waitUntil(() => condition() === true, { what, timeout: 45_000 }).catch(thrown => {
      throw new Error(`${String(thrown)}: last ${problem()?.message}, ${ids()}`)
    })
  const failing = async (code: string, words: RegExp, known: string) => {
    await until(() => problem()?.code === code && words.test(problem()?.message ?? ''), `${code} ${words}`)
    expect(ids()).toBe(known)
  }
  const well = (known: string) =>
    until(() => last()?.health.kind === 'ok' && ids() === known, `health and ${known}`)

  test('tag and filter are its own language: only what passes is shown, what no longer does leaves', async () => {
    await using consul = await startConsul()
    const meta = { team: 'orders' }
    await consul.register({ name: 'orders', id: 'a', tags: ['holdfast', 'it`s "odd"'], meta })
    await consul.register({ name: 'orders', id: 'b', meta })
    await consul.register({ name: 'stock', id: 'c', tags: ['holdfast'] })
    watch(consul.url, { services: [{ tag: 'holdfast' }], times: { emptyGrace: 300 } })
    await well('a.dc1,c.dc1')
    await consul.register({ name: 'stock', id: 'c', tags: [] })
    await until(() => ids() === 'a.dc1', 'the untagged one to leave')
    await stop()
    for (const services of [
      [{ filter: 'ServiceMeta.team == "orders"' }],
      [{ name: 'orders', filter: 'ServiceMeta.team != "x"' }],
    ]) {
      snapshots.length = 0
      watch(consul.url, { services })
      await well('a.dc1,b.dc1')
      await stop()
    }
    snapshots.length = 0
    watch(consul.url, { services: [{ name: 'orders', tag: 'it`s "odd"' }] })
    await well('a.dc1')
    await stop()
    snapshots.length = 0
    watch(consul.url, { services: [{ name: 'orders', filter: 'this is none' }] })
    await until(() => problem()?.code === 'discovery.invalid', 'the refusal of a filter')
    expect(problem()?.message).toMatch(/expression/)
  })

  test('two datacenters are seen through one; when the other is lost, its instances stay and ours go on', async () => {
    await using consul = await startConsul()
    await using far = await startConsul({ datacenter: 'dc2', joins: consul })
    await consul.register({ name: 'postgres', id: 'near' })
    await far.register({ name: 'postgres', id: 'far' })
    watch(consul.url, { datacenters: ['dc1', 'dc2'] })
    await well('far.dc2,near.dc1')
    await far.kill('SIGKILL')
    await failing('discovery.unavailable', /dc2/, 'far.dc2,near.dc1')
    await consul.register({ name: 'postgres', id: 'near2' })
    await until(() => ids() === 'far.dc2,near.dc1,near2.dc1', 'news of ours')
    expect(problem()?.message).toContain('dc2')
    expect(last()?.unsure).toEqual([{ service: 'postgres', datacenter: 'dc2' }])
  })

  test('TLS: our authority and our certificate are needed; each lack is told, and a renewed file is taken up', async () => {
    await using folder = await temporaryFolder('consul-tls')
    const authority = await makeAuthority(folder.path)
    const stranger = await makeAuthority(folder.path, 'stranger')
    const server = await authority.issue('server', 'IP:127.0.0.1,DNS:server.dc1.consul')
    const client = await authority.issue('client', 'DNS:client.dc1.consul')
    const other = await stranger.issue('other', 'DNS:client.dc1.consul')
    await using consul = await startConsul({ tls: { caFile: authority.caFile, ...server } })
    await consul.register({ name: 'postgres', id: 'a' })
    const { caFile } = authority

    watch(consul.tlsUrl, { tls: { caFile, ...client } })
    await well('a.dc1')
    await stop()
    const lacks = [
      [{ ...client }, /certificate|issuer/i],
      [{ caFile: stranger.caFile, ...client }, /certificate|issuer/i],
      [{ caFile }, /certificate|alert|socket/i],
      [{ caFile, ...other }, /certificate|alert|socket/i],
      [{ caFile, ...client, serverName: 'somebody.else' }, /altname|somebody/i],
      [{ caFile: join(folder.path, 'none.pem'), ...client }, /none\.pem for consul cannot be read: ENOENT/],
    ] as const
    for (const [tls, words] of lacks) {
      snapshots.length = 0
      watch(consul.tlsUrl, { tls })
      await failing('discovery.unavailable', words, '')
      await stop()
    }
    // the name of Consul's own certificates, in place of its address
    snapshots.length = 0
    watch(consul.tlsUrl, { tls: { caFile, ...client, serverName: 'server.dc1.consul' } })
    await well('a.dc1')
    await stop()
    const broken = { certFile: join(folder.path, 'live.pem'), keyFile: join(folder.path, 'live-key.pem') }
    const put = async (from: typeof client) => {
      await copyFile(from.certFile, broken.certFile)
      await copyFile(from.keyFile, broken.keyFile)
    }
    await put(other)
    snapshots.length = 0
    watch(consul.tlsUrl, { tls: { caFile, ...broken } })
    await until(() => problem() !== undefined, 'the refusal of a stranger')
    await put(client)
    await well('a.dc1')
  })

  test('a cluster that loses its leader keeps what was known, says so, and is believed again after', async () => {
    const consuls = await startConsulServers(3)
    try {
      const [first, second, third] = consuls as [ConsulServer, ConsulServer, ConsulServer]
      await first.register({ name: 'postgres', id: 'a' })
      watch(first.url, { times: { network: 15_000 } })
      await well('a.dc1')
      await Promise.all([second.kill('SIGKILL'), third.kill('SIGKILL')])
      await failing('discovery.unavailable', /500.*No cluster leader/s, 'a.dc1')
      await Promise.all([second.restart(), third.restart()])
      await well('a.dc1')
    } finally {
      await Promise.all(consuls.map(each => each.stop()))
    }
  })

  test('one that is stopped in its tracks is slow, then down; what is known stays until it goes on', async () => {
    await using consul = await startConsul()
    await consul.register({ name: 'postgres', id: 'a' })
    watch(consul.url)
    await well('a.dc1')
    process.kill(consul.pid, 'SIGSTOP')
    try {
      await failing('discovery.unavailable', /does not answer|timed? ?out/i, 'a.dc1')
    } finally {
      process.kill(consul.pid, 'SIGCONT')
    }
    await well('a.dc1')
  })

  test('one that restarts with a fraction of its catalog is doubted; its index began anew, which costs nothing', async () => {
    await using consul = await startConsul()
    for (const id of ['a', 'b', 'c', 'd']) await consul.register({ name: 'postgres', id })
    watch(consul.url)
    await well('a.dc1,b.dc1,c.dc1,d.dc1')
    await consul.restart()
    // before the first look after the restart, or after: either way nothing is lost
    await consul.register({ name: 'postgres', id: 'a' })
    await failing('discovery.invalid', /suddenly (lacks|shows no)/, 'a.dc1,b.dc1,c.dc1,d.dc1')
    for (const id of ['b', 'c', 'd']) await consul.register({ name: 'postgres', id })
    await well('a.dc1,b.dc1,c.dc1,d.dc1')
    expect(snapshots.filter(each => each.instances.length !== 4 && each.instances.length > 0)).toEqual([])
  })

  test('with ACLs a selector by tag and no token, or one that sees no service, is a denial', async () => {
    await using consul = await startConsul({ acl: true })
    await consul.register({ name: 'orders', id: 'a', tags: ['holdfast'] })
    const services = [{ tag: 'holdfast' }]
    const weak = await consul.createToken('node_prefix "" { policy = "read" }')
    const right = await consul.createToken(
      'node_prefix "" { policy = "read" } service_prefix "" { policy = "read" }',
    )
    let shown: string | undefined
    for (shown of [undefined, '9f2c0f0e-0000-4000-8000-000000000000', weak]) {
      snapshots.length = 0
      watch(consul.url, { services, token: () => Promise.resolve(shown) })
      await failing('discovery.denied', /./, '')
      await stop()
    }
    snapshots.length = 0
    shown = right
    watch(consul.url, { services, token: () => Promise.resolve(shown) })
    await well('a.dc1')
    shown = weak
    await failing('discovery.denied', /./, 'a.dc1')
    shown = right
    await well('a.dc1')
  })
})
