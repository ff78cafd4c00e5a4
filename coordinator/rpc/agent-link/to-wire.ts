import { destinationToWire } from '../../../shared/wire/destination.ts'
import type {
  AnchorTask,
  Assign,
  AttemptRef,
  EncryptionSpec,
  HookSpec,
  WatchedInstance,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import type { Addressee, AnchorWork, Assignment } from '../../operations/messenger.ts'
import type { PolicyEncryption, PolicyHooks } from '../../policy/index.ts'
import type { InstanceRecord } from '../../store/records.ts'

/** An attempt, named whole (J2). */
export function attemptRef({ jobId, attempt }: Addressee): AttemptRef {
  return { jobId, attemptId: attempt.id, epoch: attempt.epoch }
}

/** The offer of an attempt. */
export function assignFrame(to: Addressee, assignment: Assignment): Assign {
  return { attempt: attemptRef(to), ...specOf(assignment) }
}

function specOf(assignment: Assignment): Pick<Assign, 'kind' | 'spec'> {
  switch (assignment.kind) {
    case 'backup': {
      const { policy } = assignment
      return {
        kind: JobKind.BACKUP,
        spec: {
          $case: 'backup',
          value: {
            instance: watchedInstance(assignment.instance),
            clusterId: assignment.clusterId,
            clusterName: assignment.clusterName,
            scope: assignment.scope,
            databaseId: assignment.databaseId,
            databaseName: assignment.databaseName,
            destination: destinationToWire(assignment.destination),
            codec: policy.codec,
            codecLevel: policy.codecLevel,
            codecLong: policy.codecLong,
            codecThreads: policy.codecThreads,
            encryption: encryptionSpec(policy.encryption),
            globalsPasswords: policy.globalsPasswords,
            policyName: policy.name,
            policyVersion: policy.version,
            backupClass: assignment.backupClass,
            backupId: assignment.backupId,
            predictedRawBytes: assignment.predictedRawBytes,
            destinations: assignment.further.map(destinationToWire),
            minCopies: policy.copies?.min ?? 0,
            copyPatienceMs: policy.copies?.patience ?? 0,
            strategy: policy.strategy ?? '',
            maxRate: policy.maxRate ?? 0,
            idleTimeoutMs: policy.idleTimeout ?? 0,
            streams: policy.streams,
            timeoutMs: policy.timeout,
            blockingLimitMs: policy.blockingLimit,
            xminAgeLimit: policy.xminAgeLimit,
            replayLagLimitMs: policy.replayLagLimit,
            replayBacklogLimit: policy.replayBacklogLimit,
            hooks: hookSpec(policy.hooks),
            predictedStoredBytes: assignment.predictedStoredBytes ?? 0,
            census: policy.verification?.census,
          },
        },
      }
    }
    case 'restore':
      return {
        kind: JobKind.RESTORE,
        spec: {
          $case: 'restore',
          value: {
            instance: watchedInstance(assignment.instance),
            source: destinationToWire(assignment.source),
            manifestKey: assignment.manifestKey,
            manifestSha256: assignment.manifestSha256,
            into: assignment.into,
            backupId: assignment.backupId,
            fallbacks: assignment.fallbacks.map(destinationToWire),
            timeoutMs: assignment.timeout,
          },
        },
      }
    case 'delete':
      return {
        kind: JobKind.DELETE,
        spec: {
          $case: 'delete',
          value: {
            destination: destinationToWire(assignment.to),
            keys: [...assignment.keys],
            attemptPrefixes: [...assignment.attemptPrefixes],
            backups: (assignment.backups ?? []).map(each => ({ ...each })),
          },
        },
      }
    case 'copy':
      return {
        kind: JobKind.COPY,
        spec: {
          $case: 'copy',
          value: {
            sources: assignment.sources.map(destinationToWire),
            target: destinationToWire(assignment.target),
            manifestKey: assignment.manifestKey,
            manifestSha256: assignment.manifestSha256,
            backupId: assignment.backupId,
            timeoutMs: assignment.timeout,
          },
        },
      }
    case 'verify':
      return {
        kind: JobKind.VERIFY,
        spec: {
          $case: 'verify',
          value: {
            sources: assignment.sources.map(destinationToWire),
            manifestKey: assignment.manifestKey,
            manifestSha256: assignment.manifestSha256,
            backupId: assignment.backupId,
            engine: assignment.engine,
            serverVersion: assignment.serverVersion,
            rawBytes: assignment.rawBytes,
            timeoutMs: assignment.timeout,
          },
        },
      }
  }
}

/** What a keeper is asked about heads of the audit chain. */
export function anchorTask(taskId: string, work: AnchorWork): AnchorTask {
  return {
    taskId,
    destination: destinationToWire(work.destination),
    what:
      work.kind === 'write'
        ? { $case: 'write', value: { key: work.key, content: Buffer.from(work.content) } }
        : { $case: 'read', value: { prefix: work.prefix } },
  }
}

function encryptionSpec(encryption: PolicyEncryption | undefined): EncryptionSpec | undefined {
  if (encryption === undefined) return undefined
  const { required, recipients, recipientsFile = '', kmsKey = '', breakGlass } = encryption
  return { required, recipients: [...recipients], recipientsFile, kmsKey, breakGlass: [...breakGlass] }
}

function hookSpec(hooks: PolicyHooks | undefined): HookSpec | undefined {
  if (hooks === undefined) return undefined
  const { before, after, onFailure } = hooks
  return { before: [...before], after: [...after], onFailure: [...onFailure] }
}

/** An instance as its agent sees it. */
export function watchedInstance(instance: InstanceRecord): WatchedInstance {
  return {
    instanceId: instance.id,
    engine: instance.engine,
    service: instance.service,
    address: instance.address,
    port: instance.port,
    meta: Object.entries(instance.meta).map(([name, value]) => ({ name, value })),
  }
}
