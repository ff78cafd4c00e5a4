import type { Gap, ListGapsRequest, ListGapsResponse } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { FleetMap } from '../../fleet/fleet-map.ts'
import { type AccessScope, covers } from '../../operations/principal.ts'
import { furtherGapReasons, gapReasons, isObstacle } from '../../protection/index.ts'
import type { Page, PageRequest, ReadModel } from '../../store/port.ts'
import type { DatabaseRecord, InstanceRecord, VerificationState } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import { subjectOf } from './backup-to-wire.ts'
import type { OperatorDeps } from './deps.ts'
import { databasePage, instancePage } from './fleet-lists.ts'
import { globalsName, Names } from './naming.ts'
import { filterOf, invalid, oneOf, pageOf } from './narrow.ts'
import { type Narrowing, narrowingOf, selectsSubject } from './selected.ts'

/** The ledger's chapters, in order; a page token names its chapter and the place in it. */
const chapters = ['instance', 'gone', 'breached', 'unprotected', 'at-risk', 'copy', 'verification'] as const
type Chapter = (typeof chapters)[number]

/**
 * ListGaps (P1): what is not known at all, instances that nobody can look after, then broken promises, databases
 * without one, promises at risk because something stands in their way, then copies that are not where policies want
 * them, and databases whose backups no restore has proven as their policies ask. The list ends where no token comes back.
 */
export function listGaps({ store, operations }: Pick<OperatorDeps, 'store' | 'operations'>) {
  return async (request: ListGapsRequest, { scope }: CallContext): Promise<ListGapsResponse> => {
    const { size } = pageOf({ ...request, pageToken: '' })
    const filter = filterOf(request, ['reason', 'selector'])
    const reason = oneOf(filter, 'reason', [...gapReasons, ...furtherGapReasons])
    const wanted = (code: string) => reason === undefined || code === reason
    const narrowing = narrowingOf(filter, scope, operations)
    const lists = listsOf(store.read, operations.fleet(), narrowing, wanted)
    let [chapter, after] = placeOf(request.pageToken)
    const names = new Names(store.read)
    const gaps: Gap[] =
      chapter === 'instance' && after === undefined && !filter.has('selector')
        ? [...(await unknowns(store.read, operations)), ...unregistered(operations, scope)].filter(gap =>
            wanted(gap.reason),
          )
        : []
    while (gaps.length < size) {
      const page = { size: size - gaps.length, ...(after === undefined ? {} : { after }) }
      const found =
        chapter === 'instance'
          ? await instanceGaps(lists, page)
          : chapter === 'gone'
            ? await goneGaps(store.read, lists, page, operations.goneSinceAtLeast())
            : chapter === 'copy'
              ? await copyGaps(store.read, page, operations.copiesMissingSinceAtMost(), narrowing)
              : chapter === 'verification'
                ? await verificationGaps(store.read, page, narrowing, names)
                : await databaseGaps(lists, page, chapter, names)
      gaps.push(...found.items.filter(gap => wanted(gap.reason)))
      after = found.next
      if (after !== undefined) continue
      const following: Chapter | undefined = chapters[chapters.indexOf(chapter) + 1]
      if (following === undefined) return { gaps, nextPageToken: '' }
      chapter = following
    }
    return { gaps, nextPageToken: `${chapter}:${after ?? ''}` }
  }
}

/** Where the ledger is read: what the leader knows in memory, which walks no healthy ones page by page, or the store. */
interface Lists {
  instances(page: PageRequest, gone: boolean): Promise<Page<InstanceRecord>>
  databases(page: PageRequest, protection: string): ReturnType<ReadModel['databases']>
}

function listsOf(
  read: ReadModel,
  fleet: FleetMap | undefined,
  narrowing: Narrowing | undefined,
  wanted: (reason: string) => boolean,
): Lists {
  if (fleet === undefined)
    return {
      instances: (page, gone) => read.instances(page, { gone }),
      databases: (page, protection) => read.databases(page, { protection, gone: false }),
    }
  return {
    instances: async (page, gone) =>
      instancePage(
        fleet,
        page,
        each =>
          (each.goneSince !== undefined) === gone &&
          (gone || (each.gap !== undefined && wanted(each.gap.code))) &&
          narrowing?.selection.instance(each) !== false,
      ),
    databases: async (page, protection) =>
      databasePage(
        fleet,
        page,
        'name',
        ({ record, state }) =>
          record.goneSince === undefined &&
          state?.protection === protection &&
          (protection !== 'at-risk' || isObstacle(state.reason)) &&
          wanted(state.reason) &&
          narrowing?.selection.database(record) !== false,
      ),
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

/** Servers that no discovery source shows. They are of no cluster: whoever sees a part of the fleet does not see them. */
function unregistered(
  operations: Pick<OperatorDeps['operations'], 'unregistered'>,
  scope: AccessScope,
): readonly Gap[] {
  if (!covers(scope, undefined)) return []
  return operations.unregistered().map(({ agentId, hostname, program, sockets, since }) => ({
    subjectKind: 'server',
    subjectId: agentId,
    subjectName: `${hostname}:${sockets[0]?.port ?? ''}`,
    state: 'unprotected',
    reason: 'not-discovered',
    detail: `${program} listens on ${sockets.map(each => portOf(each)).join(', ')}; no source of discovery shows it`,
    since,
  }))
}

function portOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
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

async function instanceGaps(lists: Lists, page: PageRequest) {
  const { items, next } = await lists.instances(page, false)
  return {
    next,
    items: items.flatMap(instance =>
      instance.gap === undefined
        ? []
        : [
            {
              subjectKind: 'instance',
              subjectId: instance.id,
              subjectName: `${instance.service}@${instance.nodeName || instance.address}`,
              state: 'unprotected',
              reason: instance.gap.code,
              detail: instance.gap.detail,
              since: instance.gap.since,
            },
          ],
    ),
  }
}

/**
 * Servers that discovery no longer shows, nor any other of their cluster, until the time of grace is over: what was
 * protected is so a while longer, and nobody would see why it will not be.
 */
async function goneGaps(read: ReadModel, lists: Lists, page: PageRequest, from: number) {
  const { items, next } = await lists.instances(page, true)
  const recent = items.filter(each => (each.goneSince ?? 0) >= from)
  const alone: typeof recent = []
  for (const each of recent)
    if ((await read.cluster(each.clusterId))?.goneSince !== undefined) alone.push(each)
  return {
    next,
    items: alone.map(instance => ({
      subjectKind: 'instance',
      subjectId: instance.id,
      subjectName: `${instance.service}@${instance.nodeName || instance.address}`,
      state: 'unprotected',
      reason: 'gone',
      detail: 'discovery no longer shows it; its backups stay',
      since: instance.goneSince ?? 0,
    })),
  }
}

/** Copies that are overdue: until then the job that makes one may still be on its way. */
async function copyGaps(
  read: ReadModel,
  page: PageRequest,
  atMost: number,
  narrowing: Narrowing | undefined,
) {
  const { items, next } = await read.copiesMissingSince(page, atMost)
  return {
    next,
    items: items
      .filter(({ backup }) => narrowing === undefined || selectsSubject(narrowing, subjectOf(backup)))
      .map(({ backup, copy }) => ({
        subjectKind: 'copy',
        subjectId: backup.id,
        subjectName: `${backup.subjectName} in ${copy.destination}`,
        state: copy.state,
        reason: 'copy-missing',
        detail: `of ${backup.id}${copy.failure === undefined ? '' : `, last ${copy.failure.code}: ${copy.failure.message}`}`,
        since: copy.since,
      })),
  }
}

/** Databases whose backups are not proven by restores as their policies ask, or were found bad. */
async function verificationGaps(
  read: ReadModel,
  page: PageRequest,
  narrowing: Narrowing | undefined,
  names: Names,
) {
  const { items, next } = await read.verificationGaps(page)
  const listed = items.filter(
    ({ database }) => narrowing === undefined || narrowing.selection.database(database),
  )
  return {
    next,
    items: await Promise.all(
      listed.flatMap(({ database, state: { verification } }) =>
        verification?.gap === undefined ? [] : [verificationGap(database, verification.gap, names)],
      ),
    ),
  }
}

async function verificationGap(
  database: DatabaseRecord,
  { reason, detail, since }: NonNullable<VerificationState['gap']>,
  names: Names,
): Promise<Gap> {
  return {
    subjectKind: 'verification',
    subjectId: database.id,
    subjectName: `${await names.cluster(database.clusterId)}/${database.name}`,
    state: reason === 'verification-failed' ? 'breached' : 'at-risk',
    ...{ reason, detail, since },
  }
}

async function databaseGaps(lists: Lists, page: PageRequest, protection: string, names: Names) {
  const { items, next } = await lists.databases(page, protection)
  const listed = protection === 'at-risk' ? items.filter(each => isObstacle(each.state?.reason ?? '')) : items
  return {
    next,
    items: await Promise.all(
      listed.map(async ({ database, state }) => ({
        subjectKind: 'database',
        subjectId: database.id,
        subjectName: `${await names.cluster(database.clusterId)}/${database.scope === 'cluster' ? globalsName : database.name}`,
        state: protection,
        reason: state?.reason ?? '',
        detail: state?.reasonDetail ?? '',
        since: state?.since ?? database.firstSeenAt,
      })),
    ),
  }
}
