import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DiscoverySnapshot, instanceKey, staticFileDiscovery } from '../../../shared/discovery/index.ts'
import { waitUntil } from '../../harness/wait-until.ts'

const one = 'instances:\n  - { name: orders-db, engine: postgres, host: host7 }\n'
const two = `${one}  - { name: shop, engine: mariadb, host: host8, address: 10.0.0.8, port: 3307, meta: { team: shop } }\n`

describe('discovery from a file', () => {
  let folder: string
  let path: string
  let stop: () => Promise<void>
  const snapshots: DiscoverySnapshot[] = []
  const last = () => snapshots.at(-1)
  const names = () => last()?.instances.map(instance => instance.serviceId)
  const problem = () => {
    const health = last()?.health
    return health?.kind === 'failing' ? health.error : undefined
  }
  const until = (condition: () => boolean, what: string) => waitUntil(condition, { what })

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-static-'))
    path = join(folder, 'instances.yaml')
    snapshots.length = 0
    stop = async () => {}
  })
  afterEach(async () => {
    await stop()
    await rm(folder, { recursive: true, force: true })
  })
  const watch = () => {
    const controller = new AbortController()
    const ended = staticFileDiscovery({ path, interval: 5 }).watch(
      snapshot => void snapshots.push(snapshot),
      controller.signal,
    )
    stop = async () => {
      controller.abort()
      await ended
    }
  }

  test('instances have an address and a port even where the file names none', async () => {
    await writeFile(path, two)
    watch()
    await until(() => snapshots.length === 1, 'a snapshot')
    expect(last()).toMatchObject({
      source: 'static-file',
      health: { kind: 'ok' },
      instances: [
        {
          serviceId: 'orders-db',
          nodeName: 'host7',
          address: 'host7',
          port: 5432,
          engine: 'postgres',
          nodeId: '',
        },
        {
          serviceId: 'shop',
          nodeName: 'host8',
          address: '10.0.0.8',
          port: 3307,
          engine: 'mariadb',
          meta: { team: 'shop' },
        },
      ],
    })
    expect(last()?.instances.map(instanceKey)).toEqual([
      'static/default/host7/orders-db',
      'static/default/host8/shop',
    ])
  })

  test('an edit is seen, and one by rename too', async () => {
    await writeFile(path, one)
    watch()
    await until(() => names()?.length === 1, 'one')
    await writeFile(`${path}.new`, two)
    await rename(`${path}.new`, path)
    await until(() => names()?.length === 2, 'two')
    expect(snapshots).toHaveLength(2)
  })

  const mistakes = [
    ['broken YAML', 'instances: [', /instances\.yaml:1/],
    [
      'an unknown key',
      one.replace('host7 }', 'host7, prot: 5 }'),
      /instances\.0\.prot \(instances\.yaml:2\): unknown key; did you mean instances\.0\.port\?/,
    ],
    [
      'an unknown engine and a missing host',
      'instances:\n  - name: a\n    engine: oracle\n',
      /engine \(instances\.yaml:3\): expected one of postgres, mysql, mariadb, got "oracle".*host \(not set\)/,
    ],
    ['the same instance twice', `${one}${one.split('\n')[1]}\n`, /orders-db on host7 is listed twice/],
    ['an emptied file', '', /instances/],
  ] as const

  test.each(mistakes)(
    '%s keeps the last good content, tells every problem, and heals',
    async (_name, text, message) => {
      await writeFile(path, one)
      watch()
      await until(() => names()?.length === 1, 'one')
      await writeFile(path, text)
      // A write is not atomic: the file may be read while it is empty
      await until(() => message.test(problem()?.message ?? ''), 'the problem')
      expect(problem()?.code).toBe('discovery.invalid')
      expect(names()).toEqual(['orders-db'])
      await writeFile(path, two)
      await until(() => last()?.health.kind === 'ok' && names()?.length === 2, 'two')
    },
  )

  test('a file that goes away keeps what is known and says so; back again, it is well', async () => {
    await writeFile(path, one)
    watch()
    await until(() => names()?.length === 1, 'one')
    await rm(path)
    await until(() => problem()?.code === 'discovery.unavailable', 'the problem')
    expect(problem()?.message).toContain('ENOENT')
    expect(names()).toEqual(['orders-db'])
    await writeFile(path, one)
    await until(() => last()?.health.kind === 'ok', 'health')
    expect(names()).toEqual(['orders-db'])
  })

  test('an empty list is a list: nothing is there', async () => {
    await writeFile(path, one)
    watch()
    await until(() => names()?.length === 1, 'one')
    await writeFile(path, 'instances: []\n')
    await until(() => last()?.health.kind === 'ok' && names()?.length === 0, 'none')
  })
})
