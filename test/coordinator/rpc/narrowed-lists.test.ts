import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sameIdentity } from '../../../coordinator/fleet/conflicts.ts'
import type { FleetMap } from '../../../coordinator/fleet/fleet-map.ts'
import type { CallContext } from '../../../coordinator/rpc/handle.ts'
import { listAgents } from '../../../coordinator/rpc/operator/agents.ts'
import { listAlerts } from '../../../coordinator/rpc/operator/alerts.ts'
import { listBackups } from '../../../coordinator/rpc/operator/backups.ts'
import { listClusters } from '../../../coordinator/rpc/operator/clusters.ts'
import { listDatabases } from '../../../coordinator/rpc/operator/databases.ts'
import type { OperatorDeps } from '../../../coordinator/rpc/operator/deps.ts'
import { listGaps } from '../../../coordinator/rpc/operator/gaps.ts'
import { listInstances } from '../../../coordinator/rpc/operator/instances.ts'
import { listJobs } from '../../../coordinator/rpc/operator/jobs.ts'
import { newId } from '../../../shared/clock/index.ts'
import type { ClusterId } from '../../../shared/model/identifiers.ts'
import {
  agent,
  alert,
  backup,
  cluster,
  database,
  instance,
  job,
  state,
} from '../../conformance/store-records.ts'
import { fleetOf } from '../fleet-of.ts'
import { freshStore } from '../store/fresh-store.ts'

const everything = { scope: { kind: 'fleet' } } as unknown as CallContext
const services = 40
const start = 1_795_000_000_000

/**
 * 40 services, every tenth in ams: each a server with a gap, globals and two databases with a backup and a job; an
 * agent of which every seventh is silent, an alert of which every fourth is about ams.
 */
async function manyServices() {
  const fresh = await freshStore()
  const live = new Map<string, { readonly state: string; readonly running: readonly string[] }>()
  const clusterIds: ClusterId[] = []
  await fresh.store.write('x', async tx => {
    for (let i = 0; i < services; i++) {
      const n = String(i).padStart(2, '0')
      const datacenter = i % 10 === 0 ? 'ams' : 'fra'
      const other = i % 8 === 0 ? [{ kind: sameIdentity, value: newId('cluster') }] : []
      const home = cluster({
        name: `svc-${n}@h`,
        evidence: other.map(each => ({ ...each, firstSeenAt: 1, lastSeenAt: 1 })),
      })
      clusterIds.push(home.id)
      await tx.clusters.put(home)
      await tx.instances.put(
        instance({
          ...{ clusterId: home.id, service: `svc-${n}`, datacenter, discoveryKey: `key-${n}` },
          gap: { code: 'no-agent', detail: 'none', since: 1 },
        }),
      )
      const host = agent({ hostname: `host-${n}` })
      if (i % 5 !== 1) live.set(host.id, { state: i % 7 === 0 ? 'silent' : 'connected', running: [] })
      await tx.agents.put(host)
      const rows = ['', 'main', 'side'].map(name =>
        database({
          ...{ clusterId: home.id, name, scope: name === '' ? 'cluster' : 'database' },
          sizeBytes: name === '' ? 0 : 1_000 * ((i * 7) % services) + (name === 'side' ? 1 : 0),
        }),
      )
      for (const [k, each] of rows.entries()) {
        await tx.databases.put(each)
        const subject =
          each.scope === 'cluster'
            ? ({ scope: 'cluster', clusterId: home.id } as const)
            : ({ scope: 'database', clusterId: home.id, databaseId: each.id } as const)
        const at = start + 10 * i + k
        await tx.databases.putState(
          state({
            ...{ databaseId: each.id, protection: 'breached', reason: 'overdue', backups: 1 },
            ...{ lastDataAsOf: start + ((i * 11) % services), nextDueAt: start + ((i * 3) % services) },
            lastDurationMs: (i * 13) % services,
          }),
        )
        await tx.jobs.insert(job({ subject, createdAt: at }))
        await tx.backups.insert(
          backup({
            ...{
              scope: each.scope,
              clusterId: home.id,
              databaseIds: each.scope === 'cluster' ? [] : [each.id],
            },
            ...{ committedAt: at, startedAt: at - i, storedBytes: (i * 3) % services },
          }),
        )
      }
      await tx.alerts.put(
        alert({
          ...{ dedupKey: `key-${n}`, openedAt: at(i) },
          labels: { datacenter: [i % 4 === 0 ? 'ams' : 'fra'] },
        }),
      )
    }
  })
  return { fresh, live, clusterIds, fleet: await fleetOf(fresh.store) }
}

const at = (i: number) => start + i

let world: Awaited<ReturnType<typeof manyServices>>
beforeAll(async () => {
  world = await manyServices()
})
afterAll(() => world.fresh[Symbol.asyncDispose]())

/** Every list of the service by its name, its rows as one word each. */
function asking(context: CallContext = everything, fleet: FleetMap | null = world.fleet) {
  const operations = {
    fleet: () => fleet ?? undefined,
    ...{ agentWork: () => new Map(), explainedAlerts: () => [], progressOf: () => undefined },
    liveAgent: (id: string) => world.live.get(id),
    liveAgents: () => world.live,
    status: async () => ({ discovery: [], startedAt: 1, leader: true }),
    goneSinceAtLeast: () => 0,
    copiesMissingSinceAtMost: () => 0,
    ...{ retentionGrace: () => 0, retained: async () => undefined },
  }
  const deps = { store: world.fresh.store, operations } as unknown as OperatorDeps
  const lists = {
    agents: async (r: Request) =>
      words(
        await listAgents(deps)(r, context),
        a => a.agents,
        a => a.hostname,
      ),
    alerts: async (r: Request) =>
      words(
        await listAlerts(deps)(r, context),
        a => a.alerts,
        a => a.dedupKey,
      ),
    backups: async (r: Request) =>
      words(
        await listBackups(deps)(r, context),
        a => a.backups,
        b => `${b.subjectName} ${b.storedBytes}`,
      ),
    clusters: async (r: Request) =>
      words(
        await listClusters(deps)(r, context),
        a => a.clusters,
        c => c.name,
      ),
    databases: async (r: Request) =>
      words(
        await listDatabases(deps)(r, context),
        a => a.databases,
        d => `${d.service}/${d.name}`,
      ),
    gaps: async (r: Request) =>
      words(
        await listGaps(deps)(r, context),
        a => a.gaps,
        g => g.subjectName,
      ),
    instances: async (r: Request) =>
      words(
        await listInstances(deps)(r, context),
        a => a.instances,
        i => i.service,
      ),
    jobs: async (r: Request) =>
      words(
        await listJobs(deps)(r, context),
        a => a.jobs,
        j => j.subjectName,
      ),
  }
  return {
    page: (list: keyof typeof lists, filter: string, pageSize = 0, pageToken = '') =>
      lists[list]({ filter, pageSize, pageToken }),
    /** Every page; all but the last must be full. */
    all: async (list: keyof typeof lists, filter: string, pageSize = 3) => {
      const rows: string[] = []
      for (let pageToken = ''; ; ) {
        const page = await lists[list]({ filter, pageSize, pageToken })
        rows.push(...page.rows)
        if (page.next === '') return rows
        expect(page.rows, `a page of ${list}`).toHaveLength(pageSize)
        pageToken = page.next
      }
    },
  }
}

interface Request {
  readonly pageSize: number
  readonly pageToken: string
  readonly filter: string
}

function words<A extends { nextPageToken: string }, R>(
  answer: A,
  rows: (answer: A) => readonly R[],
  word: (row: R) => string,
) {
  return { rows: rows(answer).map(word), next: answer.nextPageToken }
}

const ams = ['svc-00', 'svc-10', 'svc-20', 'svc-30']
const inAms = 'selector=datacenter=ams'

describe('a list narrowed by a selector: its pages are full, and together the whole', () => {
  test('instances and clusters', async () => {
    const { all } = asking()
    expect(await all('instances', inAms)).toEqual(ams)
    expect(await all('clusters', inAms)).toEqual(ams.map(each => `${each}@h`))
    expect(await all('clusters', 'selector=cluster=svc-1*')).toHaveLength(10)
  })

  test('databases and gaps', async () => {
    const { all } = asking()
    expect(await all('databases', `${inAms}\\,database=main`)).toEqual(ams.map(each => `${each}/main`))
    expect((await all('databases', inAms)).length).toBe(12)
    expect(await all('databases', 'selector=database=s*\\,exclude=side')).toEqual([])
    const gaps = await all('gaps', inAms)
    expect(gaps.slice(0, 4)).toEqual(ams.map(each => `${each}@host7`))
    expect(gaps.slice(4).toSorted()).toEqual(
      ams.flatMap(each => [`${each}/(globals)`, `${each}/main`, `${each}/side`]),
    )
    expect(await all('gaps', `${inAms},reason=overdue`)).toHaveLength(12)
  })

  test('jobs and backups, newest first', async () => {
    const { all } = asking()
    const newest = ams.toReversed().flatMap(each => [`${each}/side`, `${each}/main`, `${each}/(globals)`])
    expect(await all('jobs', inAms)).toEqual(newest)
    const subject = (row: string) => row.split(' ')[0]
    expect((await all('backups', inAms)).map(subject)).toEqual(newest)
    const mains = newest.filter(each => each.endsWith('/main'))
    expect(await all('jobs', `${inAms}\\,database=main`)).toEqual(mains)
    expect((await all('backups', `${inAms}\\,database=ma*`)).map(subject)).toEqual(mains)
    // names that globals match, too
    expect(await all('jobs', `${inAms}\\,database=*`)).toEqual(newest)
    expect(await all('jobs', 'selector=service=none')).toEqual([])
    // so many that the list is walked
    const others = 3 * (services - ams.length)
    expect(await all('jobs', 'selector=datacenter=fra', 7)).toHaveLength(others)
    expect(new Set(await all('backups', 'selector=datacenter=fra,order=size', 7))).toHaveProperty(
      'size',
      others,
    )
    expect(await all('jobs', `${inAms},database=svc-10/(globals)`)).toEqual(['svc-10/(globals)'])
    expect(await all('jobs', `${inAms},database=svc-11/main`)).toEqual([])
    expect((await all('backups', 'database=svc-11/(globals)')).map(subject)).toEqual(['svc-11/(globals)'])
  })

  test('alerts by what they are about', async () => {
    const { all } = asking()
    expect(await all('alerts', inAms)).toHaveLength(services / 4)
    expect(await all('alerts', `${inAms},order=oldest`, 4)).toHaveLength(services / 4)
    expect(await all('alerts', 'selector=datacenter=*m*\\,datacenter=no%such_"one', 4)).toHaveLength(
      services / 4,
    )
    expect(await all('alerts', 'selector=datacenter=AMS')).toEqual([])
  })

  test.each(['instances', 'clusters', 'databases', 'gaps', 'jobs', 'backups', 'alerts'] as const)(
    'a selector of %s that says nothing is refused by its key',
    async list => {
      await expect(asking().page(list, 'selector=sarvice=x')).rejects.toMatchObject({
        code: 'request.invalid',
        message: expect.stringContaining('`sarvice` is no key'),
      })
    },
  )

  test.each(['instances', 'clusters', 'databases', 'gaps', 'jobs', 'backups'] as const)(
    'a standby does not know the fleet, and says so of %s',
    async list => {
      const standby = asking(everything, null)
      await expect(standby.page(list, inAms)).rejects.toMatchObject({ code: 'leader.none' })
    },
  )
})

test('pages of a state or of conflicts only are full, too', async () => {
  const { all } = asking()
  expect(await all('agents', 'state=silent')).toEqual(
    [0, 7, 14, 28, 35].map(n => `host-${String(n).padStart(2, '0')}`),
  )
  expect(await all('agents', 'state=away')).toHaveLength(services / 5)
  expect(await all('agents', 'state=connected')).toHaveLength(services - services / 5 - 5)
  expect(await all('clusters', 'conflict=true')).toHaveLength(services / 8)
  expect(await all('clusters', `conflict=true,${inAms}`)).toEqual(['svc-00@h'])
  expect(await all('clusters', 'conflict=false', 5)).toHaveLength(services - services / 8)
})

test('a narrower scope gets full pages of what it may see, and a selector only narrows it', async () => {
  const clusterIds = new Set(world.clusterIds.filter((_, i) => i % 5 === 0))
  const { all } = asking({ scope: { kind: 'clusters', clusterIds } } as unknown as CallContext)
  expect(await all('jobs', '')).toHaveLength(3 * 8)
  expect(await all('backups', '')).toHaveLength(3 * 8)
  expect(await all('databases', 'name=main')).toHaveLength(8)
  expect(await all('instances', '')).toHaveLength(8)
  expect(await all('gaps', '')).toHaveLength(8 + 3 * 8)
  expect(await all('instances', 'selector=datacenter=fra')).toHaveLength(4)
})

describe('--sort', () => {
  const sizeOf = (service: string) => (Number(service.slice(4)) * 7) % services

  test('databases by size, age of the last good backup, next due, duration', async () => {
    const { all } = asking()
    const number = (row: string) => Number(row.slice(4, 6))
    const mains = Array.from({ length: services }, (_, i) => i)
    const by = (key: (i: number) => number) => mains.toSorted((a, b) => key(a) - key(b))
    const filter = 'name=main'
    expect((await all('databases', `${filter},order=size`)).map(number)).toEqual(
      by(i => -((i * 7) % services)),
    )
    expect((await all('databases', `${filter},order=age`)).map(number)).toEqual(by(i => (i * 11) % services))
    expect((await all('databases', `${filter},order=due`)).map(number)).toEqual(by(i => (i * 3) % services))
    expect((await all('databases', `${filter},order=duration`)).map(number)).toEqual(
      by(i => -((i * 13) % services)),
    )
    const narrowed = await all('databases', `${filter},order=size,${inAms}`)
    expect(narrowed.map(row => row.slice(0, 6))).toEqual(ams.toSorted((a, b) => sizeOf(b) - sizeOf(a)))
  })

  test('backups by size, of a part of the fleet, too', async () => {
    const { all } = asking()
    const sizes = (await all('backups', 'order=size')).map(row => Number(row.split(' ')[1]))
    expect(sizes).toHaveLength(3 * services)
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
    const some = (await all('backups', `order=size,${inAms}`)).map(row => Number(row.split(' ')[1]))
    expect(some).toEqual([30, 30, 30, 20, 20, 20, 10, 10, 10, 0, 0, 0])
  })

  test('what is no order is refused', async () => {
    const { page } = asking()
    await expect(page('databases', 'order=weight')).rejects.toMatchObject({ code: 'request.invalid' })
    await expect(page('backups', 'order=weight')).rejects.toMatchObject({ code: 'request.invalid' })
    await expect(page('jobs', 'order=size')).rejects.toMatchObject({ code: 'request.invalid' })
  })
})
