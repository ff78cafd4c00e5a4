import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Duration, Millis } from '../../shared/time/index.ts'
import { type AlertFact, reviewAlerts } from '../alerts/index.ts'
import { clockIsOff } from '../alerts/rules/clock-offset.ts'
import { judgeSites, type SiteAgent } from '../alerts/rules/dead-site.ts'
import { isSlow, judgeDestination } from '../alerts/rules/destination-health.ts'
import { keyOf } from '../alerts/rules/keys.ts'
import { longRun } from '../alerts/rules/long-running.ts'
import { subjectKey } from '../jobs/job.ts'
import type { InstanceRecord } from '../store/records.ts'
import { aboutHost, aboutSubject, instancesByAgent } from './about.ts'
import { diskFacts } from './disk-facts.ts'
import { databaseOf, policyOf, subjectName } from './subject.ts'
import { tellFact } from './tell-fact.ts'
import { type Term, write } from './term.ts'

/** Facts stated in one transaction. */
const page = 50

/**
 * What only shows when one looks at everything from time to time: dead sites, failing or slow destinations, jobs
 * that run long, clocks that are off, disks that are nearly full. Then the review of all open alerts: who is told what.
 *
 * @param clockDoubted whether our own wall clock may be wrong by a jump: how long anything takes is not known then
 * @param wrongBy by how much it is, as most agents say
 */
export async function watchAlerts(term: Term, clockDoubted = false, wrongBy?: Duration): Promise<void> {
  const now = term.clock.now()
  // by a clock that jumped everything runs long
  const runs = clockDoubted ? nothingRuns : longRuns(term, now.wall)
  const facts = [
    ...siteFacts(term),
    ...destinationFacts(term, now.wall),
    ...runs.facts,
    ...(clockDoubted ? [] : speedFacts(term, runs)),
    ...clockFacts(term),
    ...ownClockFacts(term, wrongBy),
    ...diskFacts(term),
  ]
  for (let i = 0; i < facts.length; i += page)
    await write(term, 'alert-facts', async tx => {
      for (const fact of facts.slice(i, i + page)) await tellFact(tx, fact, now.wall, term)
    })
  const changed = await reviewAlerts(
    {
      book: term.alerts,
      rules: term.settings.alerts,
      newAlertId: () => term.newId('alert'),
      write: (label, step) => write(term, label, step),
    },
    now.wall,
  )
  if (changed > 0) term.wakeAlerts()
}

function openOf(
  term: Term,
  kind: string,
): readonly (readonly [key: string, facts: Readonly<Record<string, string>>])[] {
  return [...term.alerts.all()].filter(each => each.kind === kind).map(each => [each.dedupKey, each.facts])
}

function siteFacts(term: Term): readonly AlertFact[] {
  const now = term.clock.now()
  const instances = instancesByAgent(term.fleet)
  const agents: SiteAgent[] = []
  for (const record of term.live.records()) {
    const { site } = aboutHost(record.hostname, instances.get(record.id) ?? [])
    if (site === undefined) continue
    const silent = term.live.isSilent(record.id, now)
    agents.push({
      agentId: record.id,
      site,
      ...(silent ? { silentSince: term.live.lastSeenAt(record.id) ?? record.lastSeenAt } : {}),
    })
  }
  const told = new Set(openOf(term, 'site-silent').map(([, facts]) => facts['datacenter'] ?? ''))
  return judgeSites(agents, told, term.settings.alerts.site).map(judged => ({
    kind: 'site',
    ...judged,
    about: { labels: siteLabels(judged.site, term) },
  }))
}

function siteLabels(site: string, term: Term) {
  const { labels = {} } = aboutHost(
    '',
    [...term.fleet.instances()].filter(each => each.datacenter === site && each.goneSince === undefined),
  )
  const { host: _, ...rest } = labels
  return rest
}

function destinationFacts(term: Term, now: Millis): readonly AlertFact[] {
  return [...term.outcomes.all()].flatMap(([destination, outcomes]): AlertFact[] => {
    const health = judgeDestination(outcomes, term.settings.alerts.destination, now)
    const told = term.alerts.get(keyOf.destinationFailing(destination)) !== undefined
    const about = { labels: { destination: [destination] } }
    const failing = health.kind === 'failing'
    if (health.kind === 'unknown' || failing === told) return []
    const { databases, code, since } = failing ? health : { databases: 0, code: '', since: now }
    return [{ kind: 'destination', destination, failing, databases, code, since, about }]
  })
}

interface Runs {
  readonly facts: readonly AlertFact[]
  /** Running backups, and those of them that run long, by destination. */
  readonly counts: ReadonlyMap<string, { readonly running: number; readonly long: number }>
}

const nothingRuns: Runs = { facts: [], counts: new Map() }

function longRuns(term: Term, now: Millis): Runs {
  const facts: AlertFact[] = []
  const counts = new Map<string, { running: number; long: number }>()
  const told = new Map(openOf(term, 'long-running'))
  for (const job of term.jobs.all()) {
    if (job.kind !== 'backup' || job.state.kind !== 'running') continue
    const database = databaseOf(job.subject, term.fleet)
    const { startedAt } = job.state.attempt
    if (database === undefined || startedAt === undefined) continue
    const subject = subjectKey(job.subject)
    const key = keyOf.longRunning(job.kind, subject)
    const history = term.fleet.database(database.id)?.state?.recentDurations
    const policy = policyOf(database, term)
    const long = longRun(now - startedAt, history, term.settings.alerts.longRunning, policy?.longRunning)
    const destination = policy?.destination ?? ''
    const count = counts.get(destination) ?? { running: 0, long: 0 }
    counts.set(destination, {
      running: count.running + 1,
      long: count.long + (long === undefined ? 0 : 1),
    })
    if (long === undefined) continue
    const known = told.get(key)
    told.delete(key)
    if (known?.['job_id'] === job.id) continue
    facts.push({
      kind: 'running',
      jobId: job.id,
      jobKind: job.kind,
      subject,
      subjectName: subjectName(job.kind, job.subject, term.fleet),
      long: { startedAt, ...long },
      about: aboutSubject(job.subject, term),
    })
  }
  // whatever is left is over: its job ended, or its attempt did
  for (const [, { job_id: jobId = '', subject = '', subject_name: subjectName = '' }] of told)
    facts.push({ kind: 'running', jobId, jobKind: 'backup', subject, subjectName })
  return { facts, counts }
}

function speedFacts(term: Term, { counts }: Runs): readonly AlertFact[] {
  const destinations = new Set([
    ...counts.keys(),
    ...openOf(term, 'destination-slow').map(([, facts]) => facts['destination'] ?? ''),
  ])
  destinations.delete('')
  return [...destinations].flatMap((destination): AlertFact[] => {
    const { running, long } = counts.get(destination) ?? { running: 0, long: 0 }
    const told = term.alerts.get(keyOf.destinationSlow(destination)) !== undefined
    // once told it is over when nothing runs long there any more
    const slow = told ? long > 0 : isSlow(running, long, term.settings.alerts.destination)
    const about = { labels: { destination: [destination] } }
    return slow === told ? [] : [{ kind: 'destination-speed', destination, slow, running, long, about }]
  })
}

function ownClockFacts(term: Term, wrongBy: Duration | undefined): readonly AlertFact[] {
  const told = term.alerts.get(keyOf.ownClock) !== undefined
  if ((wrongBy !== undefined) === told) return []
  return [{ kind: 'own-clock', ...(wrongBy === undefined ? {} : { wrongBy }) }]
}

function clockFacts(term: Term): readonly AlertFact[] {
  const limit = term.settings.alerts.clockOffset
  let instances: ReadonlyMap<AgentId, readonly InstanceRecord[]> | undefined
  return term.live.records().flatMap((record): AlertFact[] => {
    const told = term.alerts.get(keyOf.clockOffset(record.id))
    const offset = term.live.clockOffset(record.id)
    if (offset === undefined) return []
    const severity = clockIsOff(offset, limit, told !== undefined)
    // told again only when it got worse or is over: an offset that creeps is no news
    if (severity === told?.severity || (severity === undefined && told === undefined)) return []
    instances ??= instancesByAgent(term.fleet)
    return [
      {
        kind: 'clock',
        agentId: record.id,
        hostname: record.hostname,
        offset,
        ...(severity === undefined ? {} : { severity }),
        about: aboutHost(record.hostname, instances.get(record.id) ?? []),
      },
    ]
  })
}
