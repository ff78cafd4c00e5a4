import { AppError } from '../../../shared/errors/index.ts'
import { type Filter, parseSelector } from '../../../shared/model/filter.ts'
import type { ClusterId, DatabaseId } from '../../../shared/model/identifiers.ts'
import type { FleetMap } from '../../fleet/fleet-map.ts'
import { type Selection, selectionKeys, selectionOf } from '../../fleet/selection.ts'
import type { JobSubject } from '../../jobs/job.ts'
import { type AccessScope, covers } from '../../operations/principal.ts'
import type { DatabaseRecord, Labels } from '../../store/records.ts'
import type { OperatorDeps } from './deps.ts'
import { invalid } from './narrow.ts'

/** So many clusters or databases are asked for one by one: each is a seek in an index. */
const few = 500

/** What of the fleet a list is narrowed to, and the fleet it is judged by. */
export interface Narrowing {
  readonly fleet: FleetMap
  readonly selection: Selection
}

/**
 * What the `selector` of a filter and the caller's scope leave of a list; undefined when that is everything.
 *
 * @throws AppError `request.invalid`, `leader.none` on a standby, which does not know the fleet
 */
export function narrowingOf(
  filter: Filter,
  scope: AccessScope,
  operations: Pick<OperatorDeps['operations'], 'fleet'>,
  keys: readonly string[] = selectionKeys,
): Narrowing | undefined {
  const selector = selectorIn(filter, keys)
  if (selector === undefined && scope.kind === 'fleet') return undefined
  const fleet = fleetOf(operations)
  return { fleet, selection: selectionOf(selector ?? {}, id => covers(scope, id), fleet) }
}

/** The selector in a filter. @throws AppError `request.invalid` */
export function selectorIn(filter: Filter, keys: readonly string[]): Labels | undefined {
  const text = filter.get('selector')
  if (text === undefined) return undefined
  const selector = parseSelector(text, keys)
  if (typeof selector === 'string')
    throw invalid('selector', selector, `key=pattern pairs joined by commas, of ${keys.join(', ')}`)
  return selector
}

/** The fleet as the leader knows it. @throws AppError `leader.none` */
export function fleetOf(operations: Pick<OperatorDeps['operations'], 'fleet'>): FleetMap {
  const fleet = operations.fleet()
  if (fleet === undefined) throw new AppError('leader.none')
  return fleet
}

/** Whether a narrowed list shows what a job is about. What is in no cluster belongs to the whole fleet only. */
export function selectsSubject({ fleet, selection }: Narrowing, subject: JobSubject): boolean {
  switch (subject.scope) {
    case 'database': {
      const known = fleet.database(subject.databaseId)
      return known === undefined
        ? !selection.byName && selection.cluster(subject.clusterId)
        : selection.database(known.record)
    }
    case 'cluster':
      return selection.database({ clusterId: subject.clusterId, name: '' })
    case 'destination':
      return false
  }
}

/** How the store is asked for rows of few clusters or databases; `filter` is undefined when there are too many. */
export interface Seek {
  readonly filter?:
    | { readonly clusterIds: readonly ClusterId[] }
    | { readonly databaseIds: readonly DatabaseId[] }
  /** Whether every row that comes back is wanted. */
  readonly exact: boolean
}

/** What jobs and backups of a narrowed part of the fleet are looked up by. */
export function seekOf({ fleet, selection }: Narrowing): Seek {
  const clusterIds: ClusterId[] = []
  let all = 0
  for (const { id } of fleet.clusters()) {
    all++
    if (selection.cluster(id)) clusterIds.push(id)
  }
  if (selection.byName) {
    const databases = databasesWithin(fleet, selection, clusterIds)
    // what globals have is found by their cluster only
    if (databases?.every(each => each.scope === 'database'))
      return { filter: { databaseIds: databases.map(each => each.id) }, exact: true }
  }
  // a seek for each costs the more, the more they are; a walk the more, the rarer they are: here both are about equal
  return clusterIds.length <= Math.min(few, Math.sqrt(10 * all))
    ? { filter: { clusterIds }, exact: !selection.byName }
    : { exact: false }
}

function databasesWithin(
  fleet: FleetMap,
  selection: Selection,
  clusterIds: readonly ClusterId[],
): readonly DatabaseRecord[] | undefined {
  const found: DatabaseRecord[] = []
  for (const id of clusterIds)
    for (const { record } of fleet.databasesOf(id)) {
      if (!selection.database(record)) continue
      found.push(record)
      if (found.length > few) return undefined
    }
  return found
}
