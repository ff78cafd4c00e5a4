import { AppError } from '../../../shared/errors/index.ts'
import type {
  CopyBackupRequest,
  CopyBackupResponse,
  GetBackupRequest,
  GetBackupResponse,
  ListBackupsRequest,
  ListBackupsResponse,
  StartBackupRequest,
  StartBackupResponse,
  StartRestoreRequest,
  StartRestoreResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { priorities } from '../../jobs/job.ts'
import { type AccessScope, covers } from '../../operations/principal.ts'
import type { PageRequest } from '../../store/port.ts'
import { type BackupRecord, backupOrders } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import { backupToWire, deletedToWire, subjectOf } from './backup-to-wire.ts'
import type { OperatorDeps } from './deps.ts'
import { fullPage } from './full-page.ts'
import { jobToWire } from './job-to-wire.ts'
import { Names } from './naming.ts'
import { filterOf, invalid, oneOf, pageOf, requireId, stretchKeys, stretchOf } from './narrow.ts'
import { resolveDatabase, resolveInstance } from './resolve.ts'
import { narrowingOf, seekOf, selectsSubject } from './selected.ts'

/** ListBackups, newest first, or by size or duration; those that leave the longest first, gone ones by when they went. */
export function listBackups({ store, operations }: OperatorDeps) {
  return async (request: ListBackupsRequest, { scope }: CallContext): Promise<ListBackupsResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['database', 'selector', 'state', ...stretchKeys])
    const reference = filter.get('database')
    const database = reference === undefined ? undefined : await resolveDatabase(store.read, scope, reference)
    const order = backupOrders.find(each => each === filter.get('order'))
    const narrowing = narrowingOf(filter, scope, operations)
    const state = oneOf(filter, 'state', ['expired', 'deleting', 'deleted'])
    if (state !== undefined) {
      const wanted = (backup: Omit<BackupRecord, 'manifest' | 'copies'>) =>
        (database === undefined || backup.databaseIds.includes(database.id)) &&
        (narrowing === undefined || selectsSubject(narrowing, subjectOf(backup)))
      return listLeaving(state, page, wanted, { store, operations })
    }
    const seek = narrowing === undefined ? { exact: true } : seekOf(narrowing)
    const ask = (page: PageRequest) => store.read.backups(page, asked)
    const asked = {
      ...stretchOf(filter, backupOrders),
      ...(order === undefined ? {} : { order }),
      ...(database === undefined
        ? seek.filter
        : database.scope === 'database'
          ? { databaseId: database.id }
          : { clusterId: database.clusterId }),
    }
    const { items, next } =
      database === undefined && seek.exact
        ? await ask(page)
        : await fullPage(
            page,
            ask,
            backup =>
              (database === undefined || backup.scope === database.scope) &&
              (narrowing === undefined || selectsSubject(narrowing, subjectOf(backup))),
          )
    const names = new Names(store.read)
    // of one database it is worth the look
    const retained = database === undefined ? undefined : await operations.retained(database)
    const grace = operations.retentionGrace()
    return {
      backups: await Promise.all(
        items.map(backup =>
          backupToWire(backup, names, { grace, verdict: retained?.verdicts.get(backup.id) }),
        ),
      ),
      nextPageToken: next ?? '',
    }
  }
}

/** Those that leave, or left. */
async function listLeaving(
  state: 'expired' | 'deleting' | 'deleted',
  page: PageRequest,
  wanted: (backup: Omit<BackupRecord, 'manifest' | 'copies'>) => boolean,
  { store, operations }: Pick<OperatorDeps, 'store' | 'operations'>,
): Promise<ListBackupsResponse> {
  const names = new Names(store.read)
  if (state === 'deleted') {
    const { items, next } = await fullPage(page, each => store.read.deletedBackups(each, {}), wanted)
    return {
      backups: await Promise.all(items.map(each => deletedToWire(each, names))),
      nextPageToken: next ?? '',
    }
  }
  const { items, next } = await fullPage(page, each => store.read.leavingBackups(each, state), wanted)
  const grace = operations.retentionGrace()
  return {
    backups: await Promise.all(items.map(each => backupToWire(each, names, { grace }))),
    nextPageToken: next ?? '',
  }
}

/** GetBackup, with its manifest's bytes as recorded. */
export function getBackup({ store, operations }: OperatorDeps) {
  return async (request: GetBackupRequest, { scope }: CallContext): Promise<GetBackupResponse> => {
    const names = new Names(store.read)
    const id = requireId('backup', 'backup_id', request.backupId)
    const gone = await store.read.deletedBackup(id)
    if (gone !== undefined && covers(scope, gone.clusterId))
      return { backup: await deletedToWire(gone, names), manifest: Buffer.alloc(0) }
    const backup = await visibleBackup(store.read, scope, request.backupId)
    const [databaseId] = backup.databaseIds
    const database = databaseId === undefined ? undefined : await store.read.database(databaseId)
    const retained = database === undefined ? undefined : await operations.retained(database)
    return {
      backup: await backupToWire(backup, names, {
        grace: operations.retentionGrace(),
        verdict: retained?.verdicts.get(backup.id),
      }),
      manifest: Buffer.from(backup.manifest),
    }
  }
}

/** StartBackup of a database, or of a cluster's globals as `service/(globals)`. */
export function startBackup({ store, operations }: OperatorDeps) {
  return async (
    request: StartBackupRequest,
    { principal, scope }: CallContext,
  ): Promise<StartBackupResponse> => {
    const database = await resolveDatabase(store.read, scope, request.database)
    const { requestId, reason } = request
    const priority = priorities.find(each => each === request.priority)
    if (priority === undefined && request.priority !== undefined)
      throw invalid('priority', `\`${request.priority}\` is none`, priorities.join(', '))
    const { job, existing } = await operations.startBackup(principal, {
      databaseId: database.id,
      requestId,
      reason,
      ...(priority === undefined ? {} : { priority }),
    })
    return { job: await jobToWire({ job }, new Names(store.read), store.read), existing }
  }
}

/** CopyBackup: makes a copy of a backup in one destination. */
export function copyBackup({ store, operations }: OperatorDeps) {
  return async (
    request: CopyBackupRequest,
    { principal, scope }: CallContext,
  ): Promise<CopyBackupResponse> => {
    const backup = await visibleBackup(store.read, scope, request.backupId)
    const { destination, requestId, reason } = request
    if (destination === '') throw invalid('destination', 'is missing', 'the name of a destination')
    const { job, existing } = await operations.copyBackup(principal, {
      backupId: backup.id,
      destination,
      requestId,
      reason,
    })
    return { job: await jobToWire({ job }, new Names(store.read), store.read), existing }
  }
}

/** StartRestore of a backup into a new database. */
export function startRestore({ store, operations }: OperatorDeps) {
  return async (
    request: StartRestoreRequest,
    { principal, scope }: CallContext,
  ): Promise<StartRestoreResponse> => {
    const backup = await visibleBackup(store.read, scope, request.backupId)
    const instanceId = await resolveInstance(store.read, scope, request.instance)
    const { into, requestId, reason, approval } = request
    const { job } = await operations.startRestore(principal, {
      backupId: backup.id,
      ...(instanceId === undefined ? {} : { instanceId }),
      into,
      approval,
      requestId,
      reason,
    })
    return { job: await jobToWire({ job }, new Names(store.read), store.read) }
  }
}

/** The backup of an id, when the caller may see it. @throws AppError `not-found` */
export async function visibleBackup(
  read: OperatorDeps['store']['read'],
  scope: AccessScope,
  text: string,
): Promise<BackupRecord> {
  const id = requireId('backup', 'backup_id', text)
  const backup = await read.backup(id)
  if (!backup || !covers(scope, backup.clusterId))
    throw new AppError('not-found', {
      message: `there is no backup \`${id}\``,
      hint: '`holdfast backup list` shows what there is.',
    })
  return backup
}
