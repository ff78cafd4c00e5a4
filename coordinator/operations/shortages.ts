import type { ClusterId, DatabaseId, JobId } from '../../shared/model/identifiers.ts'
import type { FleetMap } from '../fleet/fleet-map.ts'
import type { Job } from '../jobs/index.ts'
import type { ShortOf } from '../planner/shortage.ts'
import type { DatabaseStateRecord } from '../store/records.ts'

const words: Readonly<Record<string, string>> = {
  'no-slot': 'a slot of host',
  'host-rate': 'bytes a second of host',
  'host-memory': 'memory of host',
  'host-staging': 'room on the staging disk of host',
  'site-slots': 'a slot of site',
  'site-rate': 'bytes a second of site',
  'destination-slots': 'a slot of destination',
  'destination-rate': 'bytes a second of destination',
}

/**
 * Databases whose promise breaks, by the last forecast, before they get a slot and budgets; memory only, made anew
 * with every term.
 */
export class Shortages {
  #all: ReadonlyMap<DatabaseId, ShortOf> = new Map()

  of(id: DatabaseId): ShortOf | undefined {
    return this.#all.get(id)
  }

  /** Returns whether anything changed. */
  replace(all: ReadonlyMap<DatabaseId, ShortOf>): boolean {
    const before = this.#all
    this.#all = all
    return before.size !== all.size || [...all].some(([id, { code }]) => before.get(id)?.code !== code)
  }
}

/** What a database waits for, in words that stay the same while it does. */
export function shortageText({ code, subject }: ShortOf, fleet: Pick<FleetMap, 'cluster'>): string {
  const what = words[code]
  if (what !== undefined) return `it waits for ${what} ${subject}`
  if (code === 'cluster-rate')
    return `it waits for bytes a second of cluster ${fleet.cluster(subject as ClusterId)?.name ?? subject}`
  return code === 'cluster-busy' || code === 'lets-go-first'
    ? 'others of its cluster come first'
    : 'others have what it needs'
}

/** Whether a due database has no backup at work: its job waits, or waits to be made. */
export function isWaiting(
  state: DatabaseStateRecord,
  { jobs }: { readonly jobs: { get(id: JobId): Job | undefined } },
): boolean {
  const job = state.openJobId === undefined ? undefined : jobs.get(state.openJobId)
  return job === undefined || job.state.kind === 'queued'
}
