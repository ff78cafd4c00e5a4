import { AppError } from '../../../shared/errors/index.ts'
import { failureToWire } from '../../../shared/wire/failure.ts'
import type {
  ListVerificationsRequest,
  ListVerificationsResponse,
  Verification,
  VerifyBackupRequest,
  VerifyBackupResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { covers } from '../../operations/principal.ts'
import type { PageRequest } from '../../store/port.ts'
import { type VerificationRecord, verdicts } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { fullPage } from './full-page.ts'
import { jobToWire } from './job-to-wire.ts'
import { Names } from './naming.ts'
import { filterOf, oneOf, pageOf, requireId, stretchKeys, stretchOf } from './narrow.ts'
import { resolveDatabase } from './resolve.ts'
import { narrowingOf, seekOf, selectsSubject } from './selected.ts'

/** VerifyBackup: proves a backup by a restore, now. */
export function verifyBackup({ store, operations }: OperatorDeps) {
  return async (
    request: VerifyBackupRequest,
    { principal, scope }: CallContext,
  ): Promise<VerifyBackupResponse> => {
    const backupId = requireId('backup', 'backup_id', request.backupId)
    const backup = await store.read.backup(backupId)
    if (backup === undefined || !covers(scope, backup.clusterId))
      throw new AppError('not-found', { message: `there is no backup \`${backupId}\`` })
    const { requestId, reason } = request
    const { job, existing } = await operations.verifyBackup(principal, { backupId, requestId, reason })
    return { job: await jobToWire({ job }, new Names(store.read), store.read), existing }
  }
}

/** ListVerifications, newest first. */
export function listVerifications({ store, operations }: OperatorDeps) {
  return async (
    request: ListVerificationsRequest,
    { scope }: CallContext,
  ): Promise<ListVerificationsResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['database', 'backup', 'verdict', 'selector', ...stretchKeys])
    const reference = filter.get('database')
    const database = reference === undefined ? undefined : await resolveDatabase(store.read, scope, reference)
    const backup = filter.get('backup')
    const verdict = oneOf(filter, 'verdict', verdicts)
    const narrowing = narrowingOf(filter, scope, operations)
    const alone = database !== undefined || backup !== undefined
    const seek = narrowing === undefined || alone ? { exact: narrowing === undefined } : seekOf(narrowing)
    const asked = {
      ...stretchOf(filter),
      ...(verdict === undefined ? {} : { verdict }),
      ...(backup === undefined ? {} : { backupId: requireId('backup', 'backup', backup) }),
      ...(database === undefined ? seek.filter : { databaseId: database.id }),
    }
    const ask = (each: PageRequest) => store.read.verifications(each, asked)
    const { items, next } = seek.exact
      ? await ask(page)
      : await fullPage(
          page,
          ask,
          ({ clusterId, databaseId }) =>
            narrowing === undefined ||
            selectsSubject(narrowing, { scope: 'database', clusterId, databaseId }),
        )
    const names = new Names(store.read)
    return {
      verifications: await Promise.all(items.map(each => verificationToWire(each, names))),
      nextPageToken: next ?? '',
    }
  }
}

async function verificationToWire(
  { id, failure, differences, ...rest }: VerificationRecord,
  names: Names,
): Promise<Verification> {
  return {
    ...rest,
    verificationId: id,
    differences: [...differences],
    failure: failure && failureToWire(failure),
    agentHost: await names.agent(rest.agentId),
  }
}
