import type { Millis } from '../../../shared/time/index.ts'
import type { AlertRules } from './settings.ts'

/** An agent as sites see it. */
export interface SiteAgent {
  readonly agentId: string
  /** Its datacenter; agents without one belong to no site. */
  readonly site: string
  readonly silentSince?: Millis
}

/** A site whose agents fell silent together, or one that is back. */
export interface SiteJudgement {
  readonly site: string
  readonly dead: boolean
  readonly silent: number
  readonly agents: number
  readonly since: Millis
}

/**
 * Which sites died and which are back. A site is dead when most of its agents fell silent within one window of
 * each other; agents that were silent long before count neither way. It stays dead until more than half of its
 * agents are heard of again.
 *
 * @param told sites whose alert is open
 */
export function judgeSites(
  agents: Iterable<SiteAgent>,
  told: ReadonlySet<string>,
  { agents: fewest, share, window }: AlertRules['site'],
): readonly SiteJudgement[] {
  const sites = new Map<string, SiteAgent[]>()
  for (const agent of agents) {
    if (agent.site === '') continue
    const known = sites.get(agent.site)
    if (known === undefined) sites.set(agent.site, [agent])
    else known.push(agent)
  }
  const judged: SiteJudgement[] = []
  for (const [site, all] of sites) {
    const silences = all.flatMap(each => (each.silentSince === undefined ? [] : [each.silentSince]))
    const newest = Math.max(...silences, 0)
    const together = silences.filter(since => newest - since <= window)
    const others = all.length - silences.length
    const since = Math.min(...together, newest)
    const told_ = told.has(site)
    const dead = told_
      ? silences.length * 2 >= all.length && silences.length > 0
      : together.length >= fewest && together.length >= share * (together.length + others)
    if (dead !== told_) judged.push({ site, dead, silent: silences.length, agents: all.length, since })
  }
  for (const site of told)
    if (!sites.has(site)) judged.push({ site, dead: false, silent: 0, agents: 0, since: 0 })
  return judged
}
