import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../shared/clock/index.ts'
import {
  type ConsulDiscoveryOptions,
  consulDiscovery,
  type DiscoverySnapshot,
} from '../../../shared/discovery/index.ts'
import { waitUntil } from '../../harness/wait-until.ts'
import { entry, type FakeConsul, startFakeConsul } from './fake-consul.ts'

describe('discovery from consul', () => {
  let consul: FakeConsul
  let stop: () => Promise<void>
  const snapshots: DiscoverySnapshot[] = []
  const last = () => snapshots.at(-1)
  const nodes = () => last()?.instances.map(instance => instance.nodeName)
  const problem = () => {
    const health = last()?.health
    return health?.kind === 'failing' ? health.error : undefined
  }

  beforeEach(async () => {
    consul = await startFakeConsul()
    snapshots.length = 0
    stop = async () => {}
  })
  afterEach(async () => {
    await stop()
    await consul[Symbol.asyncDispose]()
  })

  const watch = (options: Partial<ConsulDiscoveryOptions> = {}, onSnapshot?: () => void) => {
    const controller = new AbortController()
    const discovery = consulDiscovery({
      address: consul.address,
      services: [{ name: 'postgres' }],
      dice: () => 0,
      ...options,
      times: {
        wait: 30_000,
        network: 5_000,
        pause: 5,
        emptyGrace: 300,
        retryFirst: 20,
        retryMost: 40,
        ...options.times,
      },
    })
    const ended = discovery.watch(snapshot => {
      snapshots.push(snapshot)
      onSnapshot?.()
    }, controller.signal)
    stop = async () => {
      controller.abort()
      await ended
    }
  }
  const until = (condition: () => boolean | undefined, what: string) =>
    waitUntil(() => condition() === true, { what })

  test('an instance carries node, service, address, port, tags, meta and engine', async () => {
    consul.put('postgres', [entry('host7', { ServiceAddress: '10.0.0.9', ServicePort: 5433 })])
    watch()
    await until(() => snapshots.length === 1, 'a snapshot')
    expect(last()).toEqual({
      source: 'consul',
      health: { kind: 'ok' },
      instances: [
        {
          datacenter: 'dc1',
          namespace: 'default',
          nodeId: 'id-host7',
          nodeName: 'host7',
          nodeAddress: '10.0.0.1',
          serviceId: 'pg',
          serviceName: 'postgres',
          address: '10.0.0.9',
          port: 5433,
          tags: ['primary'],
          meta: { engine: 'postgres' },
          engine: 'postgres',
        },
      ],
    })
  })

  test('the engine is the meta, else the configured service, and an unknown meta gives none', async () => {
    consul.put('db', [
      entry('a', { ServiceMeta: { engine: 'MariaDB' }, ServicePort: 0 }),
      entry('b', { ServiceMeta: null, ServiceTags: null }),
      entry('c', { ServiceMeta: { engine: 'oracle' } }),
    ])
    watch({ services: [{ name: 'db', engine: 'mysql' }] })
    await until(() => snapshots.length === 1, 'a snapshot')
    expect(last()?.instances.map(each => [each.engine, each.port])).toEqual([
      ['mariadb', 3306],
      ['mysql', 5432],
      [undefined, 5432],
    ])
  })

  test('a change is seen by the open question, and nothing is said while nothing changes', async () => {
    consul.put('postgres', [entry('a')])
    watch()
    await until(() => consul.questions.length === 2, 'a waiting question')
    consul.put('postgres', [entry('a'), entry('b')])
    await until(() => nodes()?.length === 2, 'the second instance')
    expect(snapshots).toHaveLength(2)
    await until(() => consul.questions.length === 3, 'the next question')
    expect(consul.questions.map(question => question.index)).toEqual(['0', '11', '12'])
  })

  test('several services are one snapshot, given only when each has answered', async () => {
    consul.put('postgres', [entry('a')])
    consul.put('mysql', [entry('b', { ServiceName: 'mysql', ServiceMeta: {} })])
    watch({ services: [{ name: 'postgres' }, { name: 'mysql', engine: 'mysql' }] })
    await until(() => snapshots.length > 0, 'a snapshot')
    expect(snapshots).toHaveLength(1)
    expect(nodes()).toEqual(expect.arrayContaining(['a', 'b']))
  })

  test('an index that goes backwards starts over at 0 and loses nothing', async () => {
    consul.put('postgres', [entry('a')])
    watch()
    await until(() => consul.questions.length === 2, 'a waiting question')
    consul.setIndex(3)
    await until(
      () => consul.questions.at(-2)?.index === '0' && consul.questions.at(-1)?.index === '3',
      'a reset question',
    )
    consul.put('postgres', [entry('a'), entry('b')])
    await until(() => nodes()?.length === 2, 'the second instance')
    expect(snapshots.every(snapshot => snapshot.health.kind === 'ok')).toBe(true)
  })

  test('an index of 0 does not become a storm of questions', async () => {
    consul.put('postgres', [entry('a')])
    consul.headers({ 'x-consul-index': '0' })
    const slept: number[] = []
    const clock: Clock = {
      now: systemClock.now,
      sleep: (duration, signal) => {
        slept.push(duration)
        return systemClock.sleep(duration, signal)
      },
    }
    watch({ clock, times: { pause: 10_000 } })
    await until(() => slept.length === 1, 'the pause after the first answer')
    expect(consul.questions).toHaveLength(1)
    expect(slept[0]).toBeGreaterThan(1_000)
  })

  const faults = [
    ['500', { status: 500, body: 'No cluster leader' }, 'discovery.unavailable'],
    ['429', { status: 429 }, 'discovery.unavailable'],
    ['403', { status: 403, body: 'Permission denied' }, 'discovery.denied'],
    ['404', { status: 404 }, 'discovery.invalid'],
    [
      'a page of HTML',
      { status: 200, body: '<html>', headers: { 'content-type': 'text/html', 'x-consul-index': '5' } },
      'discovery.invalid',
    ],
    [
      'half a JSON',
      { status: 200, body: '[{"Node":', headers: { 'x-consul-index': '5' } },
      'discovery.invalid',
    ],
    ['an object', { status: 200, body: '{}', headers: { 'x-consul-index': '5' } }, 'discovery.invalid'],
    [
      'entries without a node',
      { status: 200, body: '[{"ServiceID":"x"}]', headers: { 'x-consul-index': '5' } },
      'discovery.invalid',
    ],
    ['no index', { status: 200, body: '[]' }, 'discovery.invalid'],
    [
      'an index of words',
      { status: 200, body: '[]', headers: { 'x-consul-index': 'soon' } },
      'discovery.invalid',
    ],
    ['a reset connection', 'reset', 'discovery.unavailable'],
  ] as const

  test.each(faults)(
    '%s keeps the last known instances, is told, and heals by itself',
    async (_name, lie, code) => {
      consul.put('postgres', [entry('a')])
      watch()
      await until(() => nodes()?.length === 1, 'the instance')
      consul.lie(lie)
      await until(() => problem() !== undefined, 'the failure')
      expect(problem()?.code).toBe(code)
      expect(problem()?.message).toContain('postgres')
      expect(nodes()).toEqual(['a'])
      consul.lie(undefined)
      await until(() => last()?.health.kind === 'ok', 'health')
      expect(nodes()).toEqual(['a'])
    },
  )

  test('a fault from the first question on is a failing snapshot without instances', async () => {
    consul.lie({ status: 500 })
    watch()
    await until(() => snapshots.length === 1, 'a snapshot')
    expect(last()?.instances).toEqual([])
    expect(problem()?.code).toBe('discovery.unavailable')
  })

  test.each(['hang', 'cut'] as const)(
    'an answer that is never finished (%s) ends by its time-out',
    async lie => {
      consul.put('postgres', [entry('a')])
      consul.lie(lie)
      watch({ times: { wait: 1_000, network: 50 } })
      await until(() => problem()?.code === 'discovery.unavailable', 'the time-out')
      consul.lie(undefined)
      await until(() => nodes()?.length === 1, 'the instance')
    },
  )

  test('the token is read anew for each question, and its failure is told as it is', async () => {
    consul.put('postgres', [entry('a')])
    const tokens = ['one', 'two']
    watch({ token: () => Promise.resolve(tokens.shift() ?? 'three') })
    await until(() => consul.questions.length === 2, 'a waiting question')
    consul.put('postgres', [entry('b')])
    await until(() => consul.questions.length === 3, 'the next question')
    expect(consul.questions.map(question => question.token)).toEqual(['one', 'two', 'three'])
    expect(JSON.stringify(snapshots)).not.toContain('two')
  })

  describe('an empty 200', () => {
    const settled = [
      ['is believed where ACLs are off', 'off', undefined],
      ['is believed where the token may read the service', 'granted', undefined],
      ['without a token is denied, not empty', 'anonymous', 'discovery.denied'],
      ['with an unknown token is denied', 'unknown-token', 'discovery.denied'],
      ['with a token that may not read the service is denied', 'refused', 'discovery.denied'],
      ['is doubted where Consul cannot be asked', 'unasked', 'discovery.invalid'],
    ] as const

    test.each(settled)('%s', async (_title, access, code) => {
      consul.access(access)
      watch({
        times: { emptyGrace: 60_000 },
        ...(access === 'anonymous' ? {} : { token: () => Promise.resolve('t') }),
      })
      await until(() => snapshots.length === 1, 'a snapshot')
      expect(problem()?.code).toBe(code)
      expect(last()?.instances).toEqual([])
    })

    test('after instances were known keeps them, says so, and is believed once it lasted', async () => {
      consul.put('postgres', [entry('a')])
      watch()
      await until(() => nodes()?.length === 1, 'the instance')
      consul.put('postgres', [])
      await until(() => problem() !== undefined, 'the doubt')
      expect(problem()).toMatchObject({ code: 'discovery.invalid', context: { instances_before: 1 } })
      expect(nodes()).toEqual(['a'])
      await until(() => last()?.health.kind === 'ok', 'belief')
      expect(nodes()).toEqual([])
    })

    test('that passes leaves no trace', async () => {
      consul.put('postgres', [entry('a')])
      watch({ times: { emptyGrace: 60_000 } })
      await until(() => nodes()?.length === 1, 'the instance')
      consul.put('postgres', [])
      await until(() => problem() !== undefined, 'the doubt')
      consul.put('postgres', [entry('a')])
      await until(() => last()?.health.kind === 'ok', 'health')
      expect(snapshots.every(snapshot => snapshot.instances.length === 1)).toBe(true)
    })

    test('of a token that was revoked while running is denied and keeps what is known', async () => {
      consul.access('granted')
      consul.put('postgres', [entry('a')])
      watch({ token: () => Promise.resolve('t') })
      await until(() => nodes()?.length === 1, 'the instance')
      consul.access('unknown-token')
      consul.put('postgres', [])
      await until(() => problem()?.code === 'discovery.denied', 'the denial')
      expect(nodes()).toEqual(['a'])
    })

    test('that newer versions mark as filtered is denied', async () => {
      consul.headers({ 'x-consul-results-filtered-by-acls': 'true' })
      watch()
      await until(() => problem()?.code === 'discovery.denied', 'the denial')
    })
  })

  test('a listener that throws does not end the watch', async () => {
    consul.put('postgres', [entry('a')])
    watch({}, () => {
      throw new Error('boom')
    })
    await until(() => snapshots.length === 1, 'a snapshot')
    consul.put('postgres', [entry('a'), entry('b')])
    await until(() => snapshots.length === 2, 'another')
  })

  test('no service, or an address that is none, is refused at once', () => {
    expect(() => consulDiscovery({ address: consul.address, services: [] })).toThrow(/at least one service/)
    expect(() => consulDiscovery({ address: 'consul:8500', services: [{ name: 'x' }] })).toThrow(/http/)
  })
})
