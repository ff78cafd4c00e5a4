import { setImmediate as turn } from 'node:timers/promises'
import type { GaugeMetric, Metrics } from '../../shared/metrics/index.ts'
import type { Picture, Tally } from './take-picture.ts'

/** Agents of a large fleet; each has a series of its own in a few gauges. */
const mostAgents = 20_000

/**
 * Declares what is read rather than counted, and returns what shows a picture in it. Set on a timer, so that a
 * scrape never waits for anything; the loop turns between two gauges.
 */
export function declareGauges(registry: Metrics, version: string): (picture: Picture) => Promise<void> {
  const gauge = (name: string, help: string, labels: readonly string[] = []) =>
    registry.gauge({ name, help, labels })
  gauge('build_info', 'Always 1; its label says which version runs.', ['version']).set(1, { version })
  const showers = [
    declareRole(gauge),
    declareFleet(gauge),
    declarePolicies(gauge),
    declareWork(gauge),
    declareShips(gauge),
    declareExpiries(gauge),
    ...declareAgents(registry),
  ]
  return async picture => {
    for (const show of showers) {
      show(picture)
      await turn()
    }
  }
}

type Declare = (name: string, help: string, labels?: readonly string[]) => GaugeMetric
type Show = (picture: Picture) => void

function declareRole(gauge: Declare): Show {
  const leader = gauge('leader', '1 while this process leads.')
  const term = gauge('term', 'The term it leads in; 0 when it does not.')
  const discovery = gauge('discovery_up', '1 while a discovery source answers.', ['source'])
  return ({ status }) => {
    leader.set(status.leader ? 1 : 0)
    term.set(status.term ?? 0)
    discovery.replace(status.discovery.map(({ source, ok }) => ({ labels: { source }, value: ok ? 1 : 0 })))
  }
}

function declareFleet(gauge: Declare): Show {
  const instances = gauge('instances', 'Instances known.')
  const databases = gauge('databases', 'Databases and globals by state of protection.', ['protection'])
  const breaches = gauge('breaches', 'Databases whose promise is broken now, by reason.', ['reason'])
  const gaps = gauge('instance_gaps', 'Instances that nothing can protect now, by reason.', ['reason'])
  const unregistered = gauge(
    'unregistered_servers',
    'Database servers that listen on the host of an agent and that discovery does not show.',
  )
  const copies = gauge(
    'copies_missing',
    'Copies of backups that a policy asks for and that are not there, by state.',
    ['state'],
  )
  const leaving = gauge(
    'backups_leaving',
    'Backups that nothing keeps any more (`expired`), or that are being deleted (`deleting`).',
    ['state'],
  )
  const failing = gauge(
    'databases_failing',
    'Databases whose last attempts failed, by code of the failure.',
    ['code'],
  )
  const unproven = gauge(
    'databases_unproven',
    'Databases whose backups no restore has proven as their policies ask, by reason.',
    ['reason'],
  )
  const backups = gauge('backups', 'Backups recorded and not deleted.')
  const stored = gauge('stored_bytes', 'Bytes of recorded backups as stored.')
  return ({ status: { aggregates }, ...rest }) => {
    instances.set(aggregates.instances)
    databases.replace(by('protection', Object.entries(aggregates.protection)))
    breaches.replace(by('reason', rest.breaches))
    gaps.replace(by('reason', rest.gaps))
    unregistered.set(rest.unregistered)
    copies.replace(by('state', rest.copiesMissing))
    leaving.replace(by('state', rest.leaving))
    failing.replace(by('code', rest.failing))
    unproven.replace(by('reason', rest.unproven))
    backups.set(aggregates.backups)
    stored.set(aggregates.storedBytes)
  }
}

function declarePolicies(gauge: Declare): Show {
  const databases = gauge('policy_databases', 'Databases of a policy by state of protection.', [
    'policy',
    'protection',
  ])
  const oldest = gauge(
    'policy_oldest_data_timestamp_seconds',
    'For the database of a policy whose last good backup is oldest: when its data was true, Unix time.',
    ['policy'],
  )
  const proof = gauge(
    'policy_oldest_proof_timestamp_seconds',
    'For the database of a policy whose last proof by restore is oldest: when it was, Unix time.',
    ['policy'],
  )
  const outgrowing = gauge(
    'policy_databases_outgrowing',
    'Databases of a policy whose backups will take longer than they may within four weeks.',
    ['policy'],
  )
  const expected = gauge(
    'policy_runs_expected',
    'Backups that the schedules of a policy asked for in the last 24 hours, attempted or not.',
    ['policy'],
  )
  const made = gauge('policy_runs_made', 'Those of them that were made before their promise broke.', [
    'policy',
  ])
  return ({ policies }) => {
    expected.replace(
      by(
        'policy',
        policies.map(each => [each.name, each.runs.expected] as const),
      ),
    )
    made.replace(
      by(
        'policy',
        policies.map(each => [each.name, each.runs.made] as const),
      ),
    )
    outgrowing.replace(
      by(
        'policy',
        policies.map(each => [each.name, each.outgrowing] as const),
      ),
    )
    databases.replace(
      policies.flatMap(({ name, protection }) =>
        [...protection].map(([state, value]) => ({ labels: { policy: name, protection: state }, value })),
      ),
    )
    proof.replace(
      policies.flatMap(({ name, oldestProof }) =>
        oldestProof === undefined ? [] : [{ labels: { policy: name }, value: oldestProof / 1_000 }],
      ),
    )
    oldest.replace(
      policies.flatMap(({ name, oldestDataAsOf }) =>
        oldestDataAsOf === undefined ? [] : [{ labels: { policy: name }, value: oldestDataAsOf / 1_000 }],
      ),
    )
  }
}

function declareWork(gauge: Declare): Show {
  const jobs = gauge('jobs', 'Jobs that are not ended, by state.', ['state'])
  const leases = gauge('leases', 'Attempts under a lease or waiting to be accepted.')
  const longest = gauge('longest_running_seconds', 'For how long the oldest running attempt has worked.', [
    'kind',
  ])
  const long = gauge(
    'backups_running_long',
    'Running backups that take far longer than those of their database do.',
  )
  const outbox = gauge('outbox', 'Alert messages by state; dead ones were given up.', ['state'])
  return ({ status, ...rest }) => {
    const open = ['queued', 'assigned', 'running', 'cancelling'] as const
    jobs.replace(
      by(
        'state',
        open.map(state => [state, status.aggregates.jobs[state] ?? 0] as const),
      ),
    )
    leases.set(rest.leases)
    longest.replace(by('kind', rest.longestRunning))
    long.set(rest.runningLong)
    outbox.replace(by('state', Object.entries(status.outbox)))
  }
}

function declareShips(gauge: Declare): Show {
  const up = gauge('audit_ship_up', '1 while copies of the audit reach where they are shipped to.', ['to'])
  const waiting = gauge('audit_ship_waiting', 'Audit events that are not there yet.', ['to'])
  return ({ ships }) => {
    const each = (value: (ship: Picture['ships'][number]) => number) =>
      by(
        'to',
        ships.map(ship => [ship.kind, value(ship)] as const),
      )
    up.replace(each(ship => (ship.failing ? 0 : 1)))
    waiting.replace(each(ship => ship.waiting))
  }
}

function declareExpiries(gauge: Declare): Show {
  const expiry = gauge(
    'certificate_expiry_timestamp_seconds',
    "When a certificate ends, Unix time: the listener's, the first CA to end, the first of the agents that are connected.",
    ['kind'],
  )
  return ({ expiries }) =>
    expiry.replace(expiries.map(({ kind, notAfter }) => ({ labels: { kind }, value: notAfter / 1_000 })))
}

function declareAgents(registry: Metrics): readonly Show[] {
  const states = registry.gauge({ name: 'agents', help: 'Agents by state.', labels: ['state'] })
  const each = (name: string, help: string, value: (agent: Picture['agents'][number]) => number): Show => {
    const gauge = registry.wideGauge({ name, help, labels: ['agent', 'host'], seriesLimit: mostAgents })
    return ({ agents }) =>
      gauge.replace(agents.map(agent => ({ labels: [agent.id, agent.hostname], value: value(agent) })))
  }
  return [
    ({ agents }) => {
      const tally = new Map<string, number>([
        ['connected', 0],
        ['silent', 0],
        ['away', 0],
      ])
      for (const { state } of agents) tally.set(state, (tally.get(state) ?? 0) + 1)
      states.replace(by('state', tally))
    },
    each(
      'fleet_agent_last_seen_timestamp_seconds',
      'When an agent was last heard of, Unix time.',
      agent => agent.lastSeenAt / 1_000,
    ),
    each(
      'fleet_agent_clock_offset_seconds',
      'Clock of an agent minus that of the coordinator.',
      agent => agent.clockOffsetMs / 1_000,
    ),
    each('fleet_agent_running', 'Attempts an agent has in hand.', agent => agent.running.length),
    each(
      'fleet_agent_spooled_results',
      'Results an agent has not yet been answered.',
      agent => agent.spooledResults,
    ),
  ]
}

function by(label: string, values: Tally | Iterable<readonly [string, number]>) {
  return [...values].map(([key, value]) => ({ labels: { [label]: key }, value }))
}
