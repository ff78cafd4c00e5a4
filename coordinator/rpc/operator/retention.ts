import { AppError } from '../../../shared/errors/index.ts'
import type {
  DeleteBackupRequest,
  DeleteBackupResponse,
  HoldBackupRequest,
  HoldBackupResponse,
  PreviewRetentionRequest,
  PreviewRetentionResponse,
  ReleaseBackupRequest,
  ReleaseBackupResponse,
  ReleaseBrakeRequest,
  ReleaseBrakeResponse,
  RetentionBrake,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { BrakeSeen } from '../../operations/index.ts'
import { covers } from '../../operations/principal.ts'
import type { CallContext } from '../handle.ts'
import { backupToWire } from './backup-to-wire.ts'
import { visibleBackup } from './backups.ts'
import type { OperatorDeps } from './deps.ts'
import { Names } from './naming.ts'
import { pageOf } from './narrow.ts'
import { resolveDatabase } from './resolve.ts'

/** DeleteBackup, everywhere; answers once it is none any more, not once its objects are gone. */
export function deleteBackup({ store, operations }: OperatorDeps) {
  return async (
    request: DeleteBackupRequest,
    { principal, scope }: CallContext,
  ): Promise<DeleteBackupResponse> => {
    const { id } = await visibleBackup(store.read, scope, request.backupId)
    const { requestId, reason, approval, lastGood: evenLastGood } = request
    await operations.deleteBackup(principal, { backupId: id, evenLastGood, requestId, reason, approval })
    return { backup: await shown(id, { store, operations }) }
  }
}

/** HoldBackup until it is released, or until a time. */
export function holdBackup({ store, operations }: OperatorDeps) {
  return async (
    request: HoldBackupRequest,
    { principal, scope }: CallContext,
  ): Promise<HoldBackupResponse> => {
    const { id } = await visibleBackup(store.read, scope, request.backupId)
    const { requestId, reason, until } = request
    const asked = { backupId: id, requestId, reason, ...(until === 0 ? {} : { until }) }
    await operations.holdBackup(principal, asked)
    return { backup: await shown(id, { store, operations }) }
  }
}

/** ReleaseBackup: ends a hold. */
export function releaseBackup({ store, operations }: OperatorDeps) {
  return async (
    request: ReleaseBackupRequest,
    { principal, scope }: CallContext,
  ): Promise<ReleaseBackupResponse> => {
    const { id } = await visibleBackup(store.read, scope, request.backupId)
    const { requestId, reason, approval } = request
    await operations.releaseBackup(principal, { backupId: id, requestId, reason, approval })
    return { backup: await shown(id, { store, operations }) }
  }
}

/** PreviewRetention of one database, each backup with why it stays; of the fleet, what leaves. */
export function previewRetention({ store, operations }: OperatorDeps) {
  return async (
    request: PreviewRetentionRequest,
    { scope }: CallContext,
  ): Promise<PreviewRetentionResponse> => {
    const page = pageOf(request)
    const names = new Names(store.read)
    const grace = operations.retentionGrace()
    const brake = brakeToWire(operations.brake())
    if (request.database === '') {
      const { items, next } = await store.read.leavingBackups(page, 'expired')
      const visible = items.filter(each => covers(scope, each.clusterId))
      const backups = await Promise.all(visible.map(each => backupToWire(each, names, { grace })))
      return { backups, nextPageToken: next ?? '', rule: '', policy: '', brake }
    }
    const database = await resolveDatabase(store.read, scope, request.database)
    const retained = await operations.retained(database)
    if (retained === undefined) throw new AppError('leader.none')
    const { items, next } = await store.read.backups(page, { databaseId: database.id })
    return {
      backups: await Promise.all(
        items.map(each => backupToWire(each, names, { grace, verdict: retained.verdicts.get(each.id) })),
      ),
      nextPageToken: next ?? '',
      rule: retained.rule,
      policy: retained.policy,
      brake,
    }
  }
}

/** ReleaseBrake: what has expired by now goes although it is more than usual. */
export function releaseBrake({ operations }: OperatorDeps) {
  return async (request: ReleaseBrakeRequest, { principal }: CallContext): Promise<ReleaseBrakeResponse> => {
    const { requestId, reason, approval } = request
    await operations.releaseBrake(principal, { requestId, reason, approval })
    return { brake: brakeToWire(operations.brake()) }
  }
}

async function shown(
  id: Parameters<OperatorDeps['store']['read']['backup']>[0],
  deps: Pick<OperatorDeps, 'store' | 'operations'>,
) {
  const { store, operations } = deps
  const backup = await store.read.backup(id)
  if (backup === undefined) return undefined
  return backupToWire(backup, new Names(store.read), { grace: operations.retentionGrace() })
}

function brakeToWire(seen: BrakeSeen | undefined): RetentionBrake {
  const { on = false, beyond = 0, limit = 0, total = 0, at = 0 } = seen ?? {}
  return { on, beyond, limit, total, lookedAt: at }
}
