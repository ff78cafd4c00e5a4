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
import { backupToWire, subjectOf } from './backup-to-wire.ts'
import type { OperatorDeps } from './deps.ts'
import { fullPage } from './full-page.ts'
import { jobToWire } from './job-to-wire.ts'
import { Names } from './naming.ts'
import { filterOf, invalid, pageOf, requireId, stretchKeys, stretchOf } from './narrow.ts'
import { resolveDatabase, resolveInstance } from './resolve.ts'
import { narrowingOf, seekOf, selectsSubject } from './selected.ts'

/** ListBackups, newest first, or by size or duration. */
export function listBackups({ store, operations }: OperatorDeps) {
  return async (request: ListBackupsRequest, { scope }: CallContext): Promise<ListBackupsResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['database', 'selector', ...stretchKeys])
    const reference = filter.get('database')
    const database = reference === undefined ? undefined : await resolveDatabase(store.read, scope, reference)
    const order = backupOrders.find(each => each === filter.get('order'))
    const narrowing = narrowingOf(filter, scope, operations)
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
    return {
      backups: await Promise.all(items.map(backup => backupToWire(backup, names))),
      nextPageToken: next ?? '',
    }
  }
}

/** GetBackup, with its manifest's bytes as recorded. */
export function getBackup({ store }: OperatorDeps) {
  return async (request: GetBackupRequest, { scope }: CallContext): Promise<GetBackupResponse> => {
    const backup = await visibleBackup(store.read, scope, request.backupId)
    return {
      backup: await backupToWire(backup, new Names(store.read)),
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

async function visibleBackup(
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
