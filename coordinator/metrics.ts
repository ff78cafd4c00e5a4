import type { GaugeMetric, Metrics } from '../shared/metrics/index.ts'
import type { Operations, Status } from './operations/index.ts'
import type { LinkCounts } from './rpc/agent-link/link.ts'
import type { StoreMetrics } from './store/index.ts'

/** What the coordinator counts. Aggregates and breaches only: never a series for each database (ADR 9). */
export interface CoordinatorMetrics {
  readonly link: LinkCounts
  readonly store: StoreMetrics
  readonly delivery: {
    delivered(channel: string): void
    failed(channel: string): void
    dead(channel: string): void
  }
  /** A refusal at the door. */
  securityRefused(): void
  /** Sets what is read rather than counted; called on a timer, so that a scrape never waits for the store. */
  refresh(picture: Picture): void
}

/** What `refresh` shows. */
export interface Picture {
  readonly status: Status
  /** Breached databases and instances with a gap, by reason. */
  readonly breaches: ReadonlyMap<string, number>
  readonly gaps: ReadonlyMap<string, number>
  readonly counters: ReadonlyMap<string, number>
  readonly leases: number
}

const seconds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Declares the coordinator's metrics. `operations` answers the few gauges that are cheap at scrape time. */
export function coordinatorMetrics(
  registry: Metrics,
  operations: () => Operations | undefined,
): CoordinatorMetrics {
  const refused = registry.counter({
    name: 'link_refused_total',
    help: 'Frames and Hellos that were not taken.',
    labels: ['reason'],
  })
  const unknown = registry.counter({
    name: 'link_unknown_frames_total',
    help: 'Frames of a newer peer, ignored.',
  })
  const security = registry.counter({ name: 'security_refused_total', help: 'Refusals at the door.' })
  const batch = registry.histogram({
    name: 'store_batch_seconds',
    help: 'From the begin of a transaction to its commit.',
    labels: ['outcome'],
    buckets: seconds,
  })
  const steps = registry.counter({ name: 'store_steps_total', help: 'Steps written.', labels: ['outcome'] })
  const deliveries = registry.counter({
    name: 'alert_deliveries_total',
    help: 'Alert messages by channel and outcome.',
    labels: ['channel', 'outcome'],
  })
  registry.gauge({ name: 'agents', help: 'Agents by state.', labels: ['state'] }, gauge =>
    showAgents(gauge, operations()),
  )
  const gauges = picturesOf(registry)
  return {
    link: { refused: reason => refused.inc({ reason }), unknownFrame: () => unknown.inc() },
    store: {
      batch: (count, durationMs, outcome) => {
        void count
        batch.observe(durationMs / 1_000, { outcome })
      },
      step: (_label, _durationMs, outcome) => steps.inc({ outcome }),
    },
    delivery: {
      delivered: channel => deliveries.inc({ channel, outcome: 'delivered' }),
      failed: channel => deliveries.inc({ channel, outcome: 'failed' }),
      dead: channel => deliveries.inc({ channel, outcome: 'dead' }),
    },
    securityRefused: () => security.inc(),
    refresh: gauges,
  }
}

function showAgents(gauge: GaugeMetric, operations: Operations | undefined): void {
  const states = new Map<string, number>([
    ['connected', 0],
    ['silent', 0],
    ['away', 0],
  ])
  for (const { state } of operations?.liveAgents().values() ?? [])
    states.set(state, (states.get(state) ?? 0) + 1)
  gauge.replace([...states].map(([state, value]) => ({ labels: { state }, value })))
}

function picturesOf(registry: Metrics): (picture: Picture) => void {
  const gauge = (name: string, help: string, labels: readonly string[] = []) =>
    registry.gauge({ name, help, labels })
  const leader = gauge('leader', 'Whether this process leads.')
  const term = gauge('term', 'The term it leads in; 0 when it does not.')
  const instances = gauge('instances', 'Instances known.')
  const databases = gauge('databases', 'Databases and globals by state of protection.', ['protection'])
  const breaches = gauge('breaches', 'Broken promises by reason.', ['reason'])
  const gaps = gauge('instance_gaps', 'Instances nothing can protect now, by reason.', ['reason'])
  const jobs = gauge('jobs', 'Jobs by state; ended ones over all time.', ['state'])
  const backups = gauge('backups', 'Backups recorded.')
  const stored = gauge('stored_bytes', 'Bytes of recorded backups as stored.')
  const leases = gauge('leases', 'Attempts under a lease or waiting to be accepted.')
  const outbox = gauge('outbox', 'Alert messages by state.', ['state'])
  const discovery = gauge('discovery_up', 'Whether a discovery source answers.', ['source'])
  const counters = gauge('counter', 'Counters kept by the store.', ['name'])
  const by = (label: string, values: Iterable<readonly [string, number]>) =>
    [...values].map(([key, value]) => ({ labels: { [label]: key }, value }))
  return ({ status, ...rest }) => {
    const { aggregates } = status
    leader.set(status.leader ? 1 : 0)
    term.set(status.term ?? 0)
    instances.set(aggregates.instances)
    databases.replace(by('protection', Object.entries(aggregates.protection)))
    breaches.replace(by('reason', rest.breaches))
    gaps.replace(by('reason', rest.gaps))
    jobs.replace(by('state', Object.entries(aggregates.jobs)))
    backups.set(aggregates.backups)
    stored.set(aggregates.storedBytes)
    leases.set(rest.leases)
    outbox.replace(by('state', Object.entries(status.outbox)))
    discovery.replace(
      by(
        'source',
        status.discovery.map(each => [each.source, each.ok ? 1 : 0] as const),
      ),
    )
    counters.replace(by('name', rest.counters))
  }
}
