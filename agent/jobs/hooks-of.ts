import type { AttemptRef, BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { JobHooks } from '../hooks/hook.ts'

/** The hooks a backup asks for, and what they are told of it; undefined when it asks for none. */
export function hooksOf(spec: BackupSpec, attempt: AttemptRef): JobHooks | undefined {
  const { hooks, instance } = spec
  if (hooks === undefined) return undefined
  const { before, after, onFailure } = hooks
  if (before.length + after.length + onFailure.length === 0) return undefined
  return {
    before,
    after,
    onFailure,
    facts: {
      JOB: attempt.jobId,
      ATTEMPT: attempt.attemptId,
      BACKUP: spec.backupId,
      ENGINE: instance?.engine ?? '',
      SERVICE: instance?.service ?? '',
      HOST: instance?.address ?? '',
      PORT: String(instance?.port ?? ''),
      CLUSTER: spec.clusterName,
      SCOPE: spec.scope,
      // a cluster's globals have no name
      DATABASE: spec.scope === 'database' ? spec.databaseName : '',
      POLICY: spec.policyName,
      DESTINATION: spec.destination?.name ?? '',
    },
  }
}
