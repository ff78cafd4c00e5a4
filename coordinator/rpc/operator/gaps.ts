import type { Gap, ListGapsRequest, ListGapsResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { covers } from '../../operations/principal.ts'
import { furtherGapReasons, gapReasons, isObstacle } from '../../protection/index.ts'
import type { ReadModel } from '../../store/port.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { globalsName, Names } from './naming.ts'
import { filterOf, invalid, oneOf, pageOf } from './narrow.ts'

/** The ledger's chapters, in order; a page token names its chapter and the place in it. */
const chapters = ['instance', 'gone', 'breached', 'unprotected', 'at-risk', 'copy'] as const
type Chapter = (typeof chapters)[number]

/**
 * ListGaps (P1): instances that nobody can look after, then broken promises, databases without one, promises at risk
 * because something stands in their way, then copies that are not where policies want them. A page may be shorter
 * than asked; the list ends where no token comes back.
 */
export function listGaps({ store, operations }: Pick<OperatorDeps, 'store' | 'operations'>) {
  return async (request: ListGapsRequest, { scope }: CallContext): Promise<ListGapsResponse> => {
    const { size } = pageOf({ ...request, pageToken: '' })
    const reason = oneOf(filterOf(request, ['reason']), 'reason', [...gapReasons, ...furtherGapReasons])
    let [chapter, after] = placeOf(request.pageToken)
    const names = new Names(store.read)
    const gaps: Gap[] =
      chapter === 'instance' && after === undefined
        ? (await unknowns(store.read, operations)).filter(
            gap => reason === undefined || gap.reason === reason,
          )
        : []
    while (gaps.length < size) {
      const page = { size: size - gaps.length, ...(after === undefined ? {} : { after }) }
      const found =
        chapter === 'instance'
          ? await instanceGaps(store.read, page)
          : chapter === 'gone'
            ? await goneGaps(store.read, page, operations.goneSinceAtLeast())
            : chapter === 'copy'
              ? await copyGaps(store.read, page, operations.copiesMissingSinceAtMost())
              : await databaseGaps(store.read, page, chapter, names)
      for (const { gap, clusterId } of found.items)
        if (covers(scope, clusterId) && (reason === undefined || gap.reason === reason)) gaps.push(gap)
      after = found.next
      if (after !== undefined) continue
      const following: Chapter | undefined = chapters[chapters.indexOf(chapter) + 1]
      if (following === undefined) return { gaps, nextPageToken: '' }
      chapter = following
    }
    return { gaps, nextPageToken: `${chapter}:${after ?? ''}` }
  }
}

/** What is not known at all: an empty ledger of a fleet that nobody has seen promises nothing (P1). */
async function unknowns(
  read: ReadModel,
  operations: Pick<OperatorDeps['operations'], 'status'>,
): Promise<readonly Gap[]> {
  const { discovery, startedAt, leader } = await operations.status()
  const unknown = { subjectId: '', state: 'unknown', since: startedAt }
  const silent = discovery
    // only the leader listens to them
    .filter(source => leader && source.lastOkAt === undefined)
    .map(({ source, failure }) => ({
      ...unknown,
      subjectKind: 'discovery',
      subjectName: source,
      reason: 'discovery-never-answered',
      detail: failure?.message ?? 'it has not answered since this coordinator began',
    }))
  const { items } = await read.instances({ size: 1 }, {})
  if (items.length > 0) return silent
  const nothing = {
    ...unknown,
    subjectKind: 'fleet',
    subjectName: 'the fleet',
    reason: 'nothing-known',
    detail: 'discovery has shown no instance yet',
  }
  return [nothing, ...silent]
}

function placeOf(token: string): [Chapter, string | undefined] {
  if (token === '') return ['instance', undefined]
  const [name, ...rest] = token.split(':')
  const chapter = chapters.find(candidate => candidate === name)
  if (chapter === undefined)
    throw invalid('page_token', 'is none that this list gave out', 'the next_page_token of a former page')
  const after = rest.join(':')
  return [chapter, after === '' ? undefined : after]
}

async function instanceGaps(read: ReadModel, page: { size: number; after?: string }) {
  const { items, next } = await read.instances(page, { gone: false })
  return {
    next,
    items: items.flatMap(instance =>
      instance.gap === undefined
        ? []
        : [
            {
              clusterId: instance.clusterId,
              gap: {
                subjectKind: 'instance',
                subjectId: instance.id,
                subjectName: `${instance.service}@${instance.nodeName || instance.address}`,
                state: 'unprotected',
                reason: instance.gap.code,
                detail: instance.gap.detail,
                since: instance.gap.since,
              },
            },
          ],
    ),
  }
}

/**
 * Servers that discovery no longer shows, nor any other of their cluster, until the time of grace is over: what was
 * protected is so a while longer, and nobody would see why it will not be.
 */
async function goneGaps(read: ReadModel, page: { size: number; after?: string }, from: number) {
  const { items, next } = await read.instances(page, { gone: true })
  const recent = items.filter(each => (each.goneSince ?? 0) >= from)
  const alone: typeof recent = []
  for (const each of recent)
    if ((await read.cluster(each.clusterId))?.goneSince !== undefined) alone.push(each)
  return {
    next,
    items: alone.map(instance => ({
      clusterId: instance.clusterId,
      gap: {
        subjectKind: 'instance',
        subjectId: instance.id,
        subjectName: `${instance.service}@${instance.nodeName || instance.address}`,
        state: 'unprotected',
        reason: 'gone',
        detail: 'discovery no longer shows it; its backups stay',
        since: instance.goneSince ?? 0,
      },
    })),
  }
}

/** Copies that are overdue: until then the job that makes one may still be on its way. */
async function copyGaps(read: ReadModel, page: { size: number; after?: string }, atMost: number) {
  const { items, next } = await read.copiesMissingSince(page, atMost)
  return {
    next,
    items: items.map(({ backup, copy }) => ({
      clusterId: backup.clusterId,
      gap: {
        subjectKind: 'copy',
        subjectId: backup.id,
        subjectName: `${backup.subjectName} in ${copy.destination}`,
        state: copy.state,
        reason: 'copy-missing',
        detail: `of ${backup.id}${copy.failure === undefined ? '' : `, last ${copy.failure.code}: ${copy.failure.message}`}`,
        since: copy.since,
      },
    })),
  }
}

async function databaseGaps(
  read: ReadModel,
  page: { size: number; after?: string },
  protection: string,
  names: Names,
) {
  const { items, next } = await read.databases(page, { protection, gone: false })
  const listed = protection === 'at-risk' ? items.filter(each => isObstacle(each.state?.reason ?? '')) : items
  return {
    next,
    items: await Promise.all(
      listed.map(async ({ database, state }) => ({
        clusterId: database.clusterId,
        gap: {
          subjectKind: 'database',
          subjectId: database.id,
          subjectName: `${await names.cluster(database.clusterId)}/${database.scope === 'cluster' ? globalsName : database.name}`,
          state: protection,
          reason: state?.reason ?? '',
          detail: state?.reasonDetail ?? '',
          since: state?.since ?? database.firstSeenAt,
        },
      })),
    ),
  }
}
