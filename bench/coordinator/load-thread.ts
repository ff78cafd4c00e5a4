import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { credentials } from '@grpc/grpc-js'
import { OperatorServiceClient } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { FakeAgent } from '../../test/harness/fake-agent.ts'
import type { Latency, LoadOptions, Order } from './load.ts'

const { port, statusPort, instances, databasesEach } = workerData as LoadOptions
const operator = new OperatorServiceClient(`127.0.0.1:${port}`, credentials.createInsecure())
const agents: FakeAgent[] = []

async function connect(): Promise<void> {
  const agent = await FakeAgent.connect({ port })
  agents.push(agent)
  const watch = await agent.next('watch', each => each.instances.length === instances)
  ids.push(...watch.instances.map(each => each.instanceId))
}

const ids: string[] = []

function inventory(): void {
  const names = Array.from({ length: databasesEach }, (_, i) => `customer_${i}`)
  for (const id of ids) agents[0]?.inventory(id, names)
}

/** Offers one after the other: what another slot would hold is given back when nobody accepts in time. */
function work(): void {
  const [agent] = agents
  if (agent === undefined) return
  const next = (): Promise<void> => agent.succeed().then(next, next)
  void next()
}

async function scrapes(span: number): Promise<readonly Latency[]> {
  const taken: number[] = []
  for (const end = performance.now() + span; performance.now() < end; await pause(1_000)) {
    const began = performance.now()
    await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text()
    taken.push(performance.now() - began)
  }
  return latencies('scrape', taken)
}

async function lists(span: number): Promise<readonly Latency[]> {
  const page = { pageSize: 100, pageToken: '', filter: '' }
  type Answer = (error: Error | null) => void
  const calls: Readonly<Record<string, (answer: Answer) => void>> = {
    ListDatabases: answer => operator.listDatabases(page, answer),
    ListInstances: answer => operator.listInstances(page, answer),
    ListAgents: answer => operator.listAgents(page, answer),
    ListJobs: answer => operator.listJobs(page, answer),
    ListGaps: answer => operator.listGaps(page, answer),
    GetStatus: answer => operator.getStatus({}, answer),
  }
  const taken = new Map<string, number[]>(Object.keys(calls).map(name => [name, []]))
  for (const end = performance.now() + span; performance.now() < end; )
    for (const [name, call] of Object.entries(calls)) {
      const began = performance.now()
      await new Promise<void>((resolve, reject) =>
        call(error => (error === null ? resolve() : reject(error))),
      )
      taken.get(name)?.push(performance.now() - began)
      await pause(50)
    }
  return [...taken].flatMap(([name, times]) => latencies(name, times))
}

function latencies(name: string, taken: readonly number[]): readonly Latency[] {
  const sorted = taken.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
  return [
    { name: `${name}: median`, value: at(0.5), unit: 'ms' },
    { name: `${name}: max of ${sorted.length}`, value: at(1), unit: 'ms' },
  ]
}

async function obey({ what, span = 0 }: Order): Promise<readonly Latency[]> {
  switch (what) {
    case 'inventory':
      work()
      inventory()
      return []
    case 'scrapes':
      return scrapes(span)
    case 'lists':
      return lists(span)
    case 'end':
      for (const agent of agents) agent.cut()
      operator.close()
      return []
  }
}

parentPort?.on('message', (order: Order) => {
  void obey(order).then(answer => parentPort?.postMessage(answer))
})
void connect().then(() => parentPort?.postMessage([]))
