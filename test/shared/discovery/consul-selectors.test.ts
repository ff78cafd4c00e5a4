import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type ConsulDiscoveryOptions,
  consulDiscovery,
  type DiscoverySnapshot,
  isSure,
} from '../../../shared/discovery/index.ts'
import { waitUntil } from '../../harness/wait-until.ts'
import { entry, type FakeConsul, startFakeConsul } from './fake-consul.ts'

describe('what is asked of consul', () => {
  let consul: FakeConsul
  let stop: () => Promise<void>
  const snapshots: DiscoverySnapshot[] = []
  const last = () => snapshots.at(-1)
  const names = () =>
    last()
      ?.instances.map(each => `${each.serviceName}@${each.nodeName}.${each.datacenter}`)
      .sort()
  const problem = () => {
    const health = last()?.health
    return health?.kind === 'failing' ? health.error : undefined
  }
  const until = (condition: () => boolean | undefined, what: string) =>
    waitUntil(() => condition() === true, { what })

  beforeEach(async () => {
    consul = await startFakeConsul()
    snapshots.length = 0
    stop = async () => {}
  })
  afterEach(async () => {
    await stop()
    await consul[Symbol.asyncDispose]()
  })

  const watch = (options: Partial<ConsulDiscoveryOptions>) => {
    const controller = new AbortController()
    const ended = consulDiscovery({
      address: consul.address,
      services: [{ name: 'postgres' }],
      dice: () => 0,
      ...options,
      times: {
        wait: 30_000,
        pause: 5,
        poll: 10,
        emptyGrace: 300,
        retryFirst: 20,
        retryMost: 40,
        ...options.times,
      },
    }).watch(snapshot => void snapshots.push(snapshot), controller.signal)
    stop = async () => {
      controller.abort()
      await ended
    }
  }
  const put = (service: string, node: string, changes: Readonly<Record<string, unknown>> = {}) =>
    consul.put(service, [entry(node, { ServiceName: service, ServiceID: service, ...changes })])

  test('a tag finds every service that has it, those that come later too, and only its instances', async () => {
    put('orders', 'a', { ServiceTags: ['holdfast'] })
    put('web', 'b', { ServiceTags: ['http'] })
    watch({ services: [{ tag: 'holdfast' }] })
    await until(() => names()?.join() === 'orders@a.dc1', 'the tagged one')
    expect(consul.questions.filter(each => each.service === 'web')).toEqual([])
    consul.put('stock', [
      entry('c', { ServiceName: 'stock', ServiceTags: ['holdfast'] }),
      entry('d', { ServiceName: 'stock', ServiceTags: [] }),
    ])
    await until(() => names()?.join() === 'orders@a.dc1,stock@c.dc1', 'the second')
    expect(problem()).toBeUndefined()
  })

  test('name, tag and filter are asked as they are, and what they mean is Consul’s to judge', async () => {
    put('orders', 'a', { ServiceTags: ['live'] })
    watch({ services: [{ name: 'orders', tag: 'live', filter: 'ServiceMeta.team == "x"' }] })
    await until(() => names()?.length === 1, 'the instance')
    expect(consul.questions[0]).toMatchObject({ tag: 'live', filter: 'ServiceMeta.team == "x"' })
    consul.lie({ status: 400, body: 'Failed to create boolean expression evaluator' })
    await until(() => problem() !== undefined, 'the refusal')
    expect(problem()).toMatchObject({ code: 'discovery.invalid' })
    expect(problem()?.message).toContain('boolean expression')
    expect(names()).toHaveLength(1)
  })

  test('a service that leaves the list is kept until its own emptiness is believed, then no longer asked about', async () => {
    put('orders', 'a', { ServiceTags: ['holdfast'] })
    put('stock', 'b', { ServiceTags: ['holdfast'] })
    watch({ services: [{ tag: 'holdfast' }] })
    await until(() => names()?.length === 2, 'both')
    consul.put('stock', [])
    await until(() => problem()?.message.includes('stock'), 'the doubt')
    expect(names()).toHaveLength(2)
    await until(() => names()?.length === 1 && problem() === undefined, 'belief')
    const asked = consul.questions.length
    put('orders', 'a2', { ServiceTags: ['holdfast'] })
    await until(() => names()?.includes('orders@a2.dc1'), 'news of the other')
    expect(consul.questions.slice(asked).map(each => each.service)).not.toContain('stock')
  })

  test('a list without any service is a denial, or makes no sense; never an empty fleet', async () => {
    put('orders', 'a', { ServiceTags: ['holdfast'] })
    consul.access('granted')
    watch({ services: [{ tag: 'holdfast' }], token: () => Promise.resolve('t') })
    await until(() => names()?.length === 1, 'the instance')
    consul.access('unknown-token')
    put('orders', 'a', { ServiceTags: ['holdfast'], ServicePort: 1 })
    await until(() => problem()?.code === 'discovery.denied', 'the denial')
    expect(names()).toHaveLength(1)
  })

  test('each datacenter is asked; one that cannot be reached keeps its own, and the others go on', async () => {
    const both = [entry('a'), entry('b', { Datacenter: 'dc2' })]
    consul.put('postgres', both)
    watch({ datacenters: ['dc1', 'dc2'] })
    await until(() => names()?.length === 2, 'both')
    consul.reach('dc2', false)
    await until(() => problem()?.message.includes('in datacenter dc2'), 'the loss of dc2')
    consul.put('postgres', [entry('a2')])
    await until(
      () => names()?.join() === 'postgres@a2.dc1,postgres@b.dc2',
      'news of dc1 beside the last known of dc2',
    )
    const snapshot = last()
    expect(snapshot !== undefined && isSure(snapshot, { datacenter: 'dc1', service: 'postgres' })).toBe(true)
    expect(snapshot !== undefined && isSure(snapshot, { datacenter: 'dc2', service: 'postgres' })).toBe(false)
    consul.reach('dc2', true)
    consul.put('postgres', both)
    await until(() => last()?.health.kind === 'ok', 'health')
  })

  test('what two selectors find is told once, with the engine either knows', async () => {
    put('orders', 'a', { ServiceTags: ['holdfast'], ServiceMeta: {} })
    watch({ services: [{ tag: 'holdfast' }, { name: 'orders', engine: 'mysql' }] })
    await until(() => last()?.instances[0]?.engine === 'mysql', 'the engine')
    expect(names()).toHaveLength(1)
  })

  test('most of a service gone at once is doubted, what is new counts at once; a lasting loss is believed', async () => {
    consul.put(
      'postgres',
      ['a', 'b', 'c', 'd'].map(node => entry(node)),
    )
    watch({ times: { emptyGrace: 400 } })
    await until(() => names()?.length === 4, 'all')
    consul.put('postgres', [entry('a'), entry('e')])
    await until(() => problem() !== undefined, 'the doubt')
    expect(problem()).toMatchObject({
      code: 'discovery.invalid',
      context: { missing: 3, instances_before: 4 },
    })
    expect(names()).toHaveLength(5)
    await until(() => problem() === undefined, 'belief')
    expect(names()).toEqual(['postgres@a.dc1', 'postgres@e.dc1'])
  })

  test('half a catalog that becomes whole again leaves no trace', async () => {
    consul.put(
      'postgres',
      ['a', 'b', 'c', 'd'].map(node => entry(node)),
    )
    watch({ times: { emptyGrace: 60_000 } })
    await until(() => names()?.length === 4, 'all')
    consul.put('postgres', [entry('a')])
    await until(() => problem() !== undefined, 'the doubt')
    consul.put(
      'postgres',
      ['a', 'b', 'c', 'd'].map(node => entry(node)),
    )
    await until(() => problem() === undefined, 'health')
    expect(snapshots.every(snapshot => snapshot.instances.length === 4)).toBe(true)
  })

  test('a crowd of services is asked in rounds, without a question that waits for each', async () => {
    for (let i = 0; i < 12; i++) put(`db${i}`, `n${i}`, { ServiceTags: ['holdfast'] })
    watch({ services: [{ tag: 'holdfast' }], mostWaiting: 5 })
    await until(() => names()?.length === 12, 'all')
    const asked = consul.questions.length
    await until(() => consul.questions.length > asked + 24, 'two more rounds')
    const later = consul.questions.slice(asked).filter(each => each.service !== '')
    expect(new Set(later.map(each => each.index))).toEqual(new Set(['0']))
    put('db3', 'elsewhere', { ServiceTags: ['holdfast'] })
    await until(() => names()?.includes('db3@elsewhere.dc1'), 'news in a round')
  })
})
