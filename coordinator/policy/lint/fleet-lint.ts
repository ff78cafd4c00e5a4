import { type Duration, formatDuration, isoOf, type Millis } from '../../../shared/time/index.ts'
import { isLimited, openSpans } from '../../planner/window.ts'
import type { EffectivePolicy, PolicyBook } from '../book.ts'
import { nextInstant } from '../cron.ts'
import { hooksIn, type Policy } from '../policy.ts'
import type { PolicyRule } from '../rule.ts'
import type { Finding } from './finding.ts'
import { scheduleFindings } from './schedules.ts'

const week = 7 * 86_400_000
/** Below it the metadata of a backup alone takes minutes: nobody means that. Bytes a second. */
export const leastRate = 16_384
/** Fewer at the same instant are no crowd. */
const crowd = 20

/** A database that policies are tried on. */
export interface LintedDatabase {
  /** As people name it. */
  readonly name: string
  readonly clusterId: string
  readonly effective: EffectivePolicy
  /** How long its last good backup took; absent: none yet. */
  readonly lastDuration?: Duration
  /** What it is promised now: what is as short already is told, not refused. */
  readonly promised?: Duration
  /** How long the next one takes: the middle, and pessimistically. */
  readonly p50: Duration
  readonly p90: Duration
  /** Names of the hooks that each agent has which answers for it; absent: its policy has none, or no agent is known. */
  readonly hooksOfHosts?: readonly (readonly string[])[]
}

/** What is seen of many databases, told once. */
interface Case {
  readonly code: Finding['code']
  readonly severity: Finding['severity']
  readonly where: string
  readonly example: string
  readonly text: string
  count: number
}

/**
 * Tries the policies of a book on a fleet, database by database, and tells what people should know before they hold:
 * what cannot be meant, what cannot be kept, what will not happen as it reads. Pure: the fleet is handed in, so that
 * whoever does can take turns.
 */
export class FleetLint {
  readonly #book: PolicyBook
  readonly #now: Millis
  readonly #cases = new Map<string, Case>()
  readonly #used = new Set<PolicyRule>()
  readonly #longest = new Map<Policy, Duration>()
  readonly #work = new Map<string, { share: number; open: number; policy: string }>()
  readonly #instants = new Map<Millis, { count: number; policies: Set<string> }>()
  #databases = 0
  #scheduled = 0

  constructor(book: PolicyBook, now: Millis) {
    this.#book = book
    this.#now = now
  }

  look(database: LintedDatabase): void {
    this.#databases++
    const { effective, name } = database
    for (const rule of effective.rules) this.#used.add(rule)
    for (const { settings, holds, yields } of effective.disagreements)
      this.#add({
        code: 'disagreement',
        severity: 'error',
        where: [holds, yields].sort().join(' and '),
        example: name,
        text: `rules ${holds} and ${yields} are of equal rank and disagree on ${settings.join(', ')}: give one of them a \`rank\`, or match more exactly`,
      })
    const { policy } = effective
    if (policy === undefined) {
      const strongest = effective.rules.at(-1)
      if (strongest !== undefined)
        this.#add({
          code: 'no-destination',
          severity: 'error',
          where: strongest.name,
          example: name,
          text: `nothing says where backups go: neither \`fleet\` nor a rule that matches has \`destination\``,
        })
      return
    }
    this.#promise(database, policy)
    this.#window(database, policy)
    this.#hooks(database, policy)
    this.#rate(database, policy)
    this.#instant(policy)
    this.#retention(database, policy)
  }

  /** What was found, the worst first. */
  findings(): readonly Finding[] {
    const told = [...this.#cases.values()].map(
      ({ example, count, ...each }): Finding => ({
        ...each,
        text: `${each.text} (${count === 1 ? example : `${count} databases, such as ${example}`})`,
      }),
    )
    const all = [...told, ...this.#rules(), ...this.#full(), ...this.#crowds()]
    const order = ({ severity, code, where }: Finding) => `${severity === 'error' ? 0 : 1}\0${code}\0${where}`
    return all.sort((a, b) => (order(a) < order(b) ? -1 : 1))
  }

  #promise({ name, lastDuration, promised }: LintedDatabase, { rpo, name: where }: Policy): void {
    if (lastDuration === undefined || lastDuration <= rpo) return
    this.#add({
      code: 'promise-too-short',
      severity: promised === undefined || rpo < promised ? 'error' : 'warning',
      where,
      example: name,
      text: `\`rpo\` ${formatDuration(rpo)} is shorter than the last backup took, ${formatDuration(lastDuration)}: the promise is broken before a backup is done`,
    })
  }

  #retention({ name }: LintedDatabase, { name: where, retention }: Policy): void {
    if (retention === undefined || retention.keepWithin !== undefined) return
    if (Object.keys(retention.periods).length > 0) return
    this.#add({
      code: 'retention-only-counts',
      severity: 'warning',
      where,
      example: name,
      text: `only the last ${retention.keepLast} are kept, whatever their age: a few backups made at once, by hand or by somebody who should not, push out all that was before; say \`keep_within\`, too`,
    })
  }

  #window({ name, clusterId, p50, p90 }: LintedDatabase, policy: Policy): void {
    if (!isLimited(policy)) return
    const longest = this.#longestWindow(policy)
    if (policy.mustFinish !== false && p90 > longest)
      this.#add({
        code: 'window-too-short',
        severity: 'warning',
        where: policy.name,
        example: name,
        text: `its longest window is open for ${formatDuration(longest)}, a backup is predicted to take ${formatDuration(rounded(p90))}`,
      })
    const work = this.#work.get(clusterId) ?? { share: 0, open: 0, policy: policy.name }
    // a cluster does one backup at a time
    work.share += p50 / policy.schedule.every
    work.open = Math.max(work.open, this.#openShare(policy))
    this.#work.set(clusterId, work)
  }

  /** A job goes only where all of its hooks are: one that is nowhere means no backup at all. */
  #hooks({ name, hooksOfHosts = [] }: LintedDatabase, policy: Policy): void {
    const wanted = hooksIn(policy)
    const lacking = hooksOfHosts.map(known => wanted.filter(each => !known.includes(each)))
    if (lacking.length === 0 || lacking.some(each => each.length === 0)) return
    for (const hook of new Set(lacking.flat()))
      this.#add({
        code: 'no-hook',
        severity: 'error',
        where: `${policy.name}, hook ${hook}`,
        example: name,
        text: `no agent that backs it up has the hook \`${hook}\`: add it to \`hooks\` of their configuration first`,
      })
  }

  #rate({ name }: LintedDatabase, { maxRate, name: where }: Policy): void {
    if (maxRate === undefined || maxRate === 0 || maxRate >= leastRate) return
    this.#add({
      code: 'budget-too-small',
      severity: 'error',
      where,
      example: name,
      text: `\`max_rate\` of ${maxRate} bytes a second lets no backup end: is a unit missing, such as ${maxRate}MB?`,
    })
  }

  #longestWindow(policy: Policy): Duration {
    const known = this.#longest.get(policy)
    if (known !== undefined) return known
    const longest = Math.max(0, ...openSpans(policy, this.#now, 8).map(({ from, to }) => to - from))
    this.#longest.set(policy, longest)
    return longest
  }

  #openShare(policy: Policy): number {
    const until = this.#now + week
    const open = openSpans(policy, this.#now, 8).map(
      ({ from, to }) => Math.min(to, until) - Math.max(from, this.#now),
    )
    return open.filter(each => each > 0).reduce((sum, each) => sum + each, 0) / week
  }

  #instant({ name, schedule }: Policy): void {
    if (schedule.kind !== 'cron') return
    this.#scheduled++
    const at = nextInstant(schedule.expression, schedule.zone, this.#now)
    const there = this.#instants.get(at)
    if (there === undefined) this.#instants.set(at, { count: 1, policies: new Set([name]) })
    else {
      there.count++
      there.policies.add(name)
    }
  }

  #rules(): readonly Finding[] {
    const schedules = this.#book.rules.flatMap(rule => scheduleFindings(rule, this.#now))
    // of no fleet nothing can be said
    if (this.#databases === 0) return schedules
    return [
      ...schedules,
      ...this.#book.rules
        .filter(rule => !this.#used.has(rule))
        .map(
          ({ layer, name }): Finding => ({
            code: 'matches-nothing',
            severity: 'warning',
            where: name,
            text:
              layer === 'database'
                ? `there is no database \`${name}\``
                : this.#book.kind === 'first-match'
                  ? 'is for no database that is known, or policies before it take them all'
                  : 'matches no database that is known',
          }),
        ),
    ]
  }

  #full(): readonly Finding[] {
    const full = [...this.#work.values()].filter(({ share, open }) => share > open)
    const worst = full.sort((a, b) => b.share / b.open - a.share / a.open)[0]
    if (worst === undefined) return []
    const hours = (share: number) => formatDuration(rounded(share * 86_400_000))
    return [
      {
        code: 'windows-too-full',
        severity: 'warning',
        where: worst.policy,
        text: `the backups of ${full.length === 1 ? 'a cluster' : `${full.length} clusters`} take ${hours(worst.share)} of a day one after the other, its windows are open for ${hours(worst.open)}`,
      },
    ]
  }

  #crowds(): readonly Finding[] {
    return [...this.#instants]
      .filter(([, { count }]) => count >= crowd && count * 2 > this.#scheduled)
      .map(
        ([at, { count, policies }]): Finding => ({
          code: 'all-at-once',
          severity: 'warning',
          where: [...policies].sort().slice(0, 3).join(', '),
          text: `${count} of ${this.#scheduled} databases with a cron are due at the same instant, ${isoOf(at)}: \`every\` with \`windows\` spreads them`,
        }),
      )
  }

  #add(found: Omit<Case, 'count'>): void {
    const key = `${found.code}\0${found.where}\0${found.severity}`
    const known = this.#cases.get(key)
    if (known === undefined) this.#cases.set(key, { ...found, count: 1 })
    else known.count++
  }
}

function rounded(duration: Duration): Duration {
  return Math.max(1_000, Math.round(duration / 60_000) * 60_000)
}
