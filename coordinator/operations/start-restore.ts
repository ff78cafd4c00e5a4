import { AppError } from '../../shared/errors/index.ts'
import type { BackupId, InstanceId } from '../../shared/model/identifiers.ts'
import { isoOf } from '../../shared/time/index.ts'
import type { Job, JobSubject, RetryRule } from '../jobs/job.ts'
import type { BackupRecord, InstanceRecord } from '../store/records.ts'
import { isBad } from '../verification/index.ts'
import { onceApproved } from './approve.ts'
import { demandSigned } from './check-signature.ts'
import { presentCopies } from './copies.ts'
import { createJob } from './create-job.ts'
import { noteWarnings } from './note-warnings.ts'
import { actorOf, covers, type Principal } from './principal.ts'
import { answered } from './start-backup.ts'
import type { Term } from './term.ts'

/** Before Start it may be offered again; after it a person decides (J11). */
const retry: RetryRule = { maxAttempts: 3, baseDelay: 5_000, maxDelay: 60_000 }

/** What a restore asks for. */
export interface RestoreRequest {
  readonly backupId: BackupId
  /** Default: the instance of the backup's own cluster. */
  readonly instanceId?: InstanceId | undefined
  readonly into: string
  /** A granted approval, where restores take one. */
  readonly approval?: string
  readonly requestId: string
  readonly reason: string
}

/**
 * Starts a restore under a new name. Nothing existing is overwritten: the agent refuses a target that exists.
 *
 * @throws AppError `not-found`, `conflict`, `request.invalid`, `access.denied`, `backup.untrusted`
 */
export async function startRestore(
  principal: Principal,
  request: RestoreRequest,
  term: Term,
): Promise<{ readonly job: Job }> {
  const { backupId, instanceId, into, reason } = request
  const asked = { backupId, into, instanceId: instanceId ?? '' }
  const { jobId } = await onceApproved(
    term,
    principal,
    'start-restore',
    request,
    asked,
    async (tx, approved) => {
      const backup = await tx.backups.get(backupId)
      if (backup === undefined || !covers(principal.scope, backup.clusterId))
        throw new AppError('not-found', { message: `there is no backup \`${backupId}\`` })
      if (backup.deletion !== undefined)
        throw new AppError('backup.deleting', { context: { backup_id: backup.id } })
      demandSigned(backup, await tx.identities.keysOf(backup.agentId))
      checkName(into, backup)
      const instance = targetOf(backup, instanceId, principal, term)
      const [copy, ...others] = presentCopies(backup).filter(each =>
        term.settings.destinations.has(each.destination),
      )
      if (copy === undefined)
        throw new AppError('destination.unknown', {
          message: 'no destination that holds a copy of this backup is configured',
          context: { backup_id: backup.id, copies: backup.copies.map(each => each.destination) },
        })
      await approved(
        'restore',
        `restore ${backup.id} of ${backup.subjectName} into ${into} on ${instance.service}`,
      )
      const now = term.clock.now()
      const { job } = await createJob(
        tx,
        {
          order: {
            kind: 'restore',
            backupId,
            instanceId: instance.id,
            destination: copy.destination,
            manifestKey: copy.manifestKey,
            manifestSha256: backup.manifestSha256,
            fallbacks: others.map(each => each.destination),
            into,
          },
          subject: subjectOf(backup, instance),
          dueSlot: `restore/${request.requestId}`,
          dueAt: now.wall,
          origin: 'operator',
          requestedBy: actorOf(principal),
          reason,
          retry,
          decision: {
            code: 'requested',
            text: `asked for by ${principal.name}: ${backup.subjectName} into \`${into}\` on ${instance.service}@${instance.nodeName}`,
            numbers: { stored_bytes: backup.storedBytes },
          },
        },
        now,
        term,
      )
      const { verification } = backup
      if (isBad(backup) && verification !== undefined)
        await noteWarnings(
          tx,
          job.id,
          [
            `the backup was found bad on ${isoOf(verification.at)} (${verification.verdict}: ${verification.detail}): look at what is restored before anybody uses it`,
          ],
          now,
        )
      return { jobId: job.id }
    },
  )
  return { job: await answered(jobId, term) }
}

/** The restore is about the target's cluster; the database is the one the backup was made of. */
function subjectOf(backup: BackupRecord, target: InstanceRecord): JobSubject {
  const [databaseId] = backup.databaseIds
  return backup.scope === 'database' && databaseId !== undefined
    ? { scope: 'database', clusterId: target.clusterId, databaseId }
    : { scope: 'cluster', clusterId: target.clusterId }
}

function checkName(into: string, backup: BackupRecord): void {
  const problem =
    backup.scope === 'cluster'
      ? undefined
      : into === ''
        ? 'is missing'
        : Buffer.byteLength(into) > 63
          ? 'is longer than 63 bytes'
          : /\0/.test(into)
            ? 'holds a zero byte'
            : undefined
  if (problem !== undefined)
    throw new AppError('request.invalid', {
      message: `into: ${problem}`,
      context: { field: 'into', problem, expected: 'the name of a database that does not exist yet' },
    })
}

function targetOf(
  backup: BackupRecord,
  instanceId: InstanceId | undefined,
  principal: Principal,
  term: Term,
): InstanceRecord {
  const instances =
    instanceId === undefined
      ? term.fleet.instancesOf(backup.clusterId).filter(each => each.goneSince === undefined)
      : [term.fleet.instance(instanceId)].filter(each => each !== undefined)
  const primary = instances.find(each => each.role !== 'replica') ?? instances[0]
  if (primary === undefined || !covers(principal.scope, primary.clusterId))
    throw new AppError(instanceId === undefined ? 'conflict' : 'not-found', {
      message:
        instanceId === undefined
          ? 'the instance this backup was made from is gone; name another with --instance'
          : `there is no instance \`${instanceId}\``,
    })
  if (primary.goneSince !== undefined)
    throw new AppError('conflict', { message: `instance ${primary.id} is gone from discovery` })
  const family = (engine: string) => (engine === 'postgres' ? 'postgres' : 'mysql')
  if (family(primary.engine) !== family(backup.engine))
    throw new AppError('conflict', {
      message: `a backup of ${backup.engine} cannot be restored into ${primary.engine}`,
      context: { backup_id: backup.id, instance_id: primary.id },
    })
  return primary
}
