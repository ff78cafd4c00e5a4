import { AppError } from '../../shared/errors/index.ts'
import type { Principal, Role } from '../operations/principal.ts'

const operatorPath = (method: string) => `/holdfast.v1.OperatorService/${method}`
const everyone: readonly Role[] = ['viewer', 'operator', 'restorer', 'admin', 'agent', 'newcomer']
const operators: readonly Role[] = ['viewer', 'operator', 'restorer', 'admin']

/**
 * Which roles may call what: the only such table (architecture §11). An RPC that is not in it is refused, and a
 * test fails for every RPC of every service that is missing here.
 */
export const access: ReadonlyMap<string, readonly Role[]> = new Map<string, readonly Role[]>([
  ['/holdfast.v1.AgentLinkService/Connect', ['agent']],
  ...[
    'GetStatus',
    'ListAgents',
    'GetAgent',
    'ListInstances',
    'ListClusters',
    'GetCluster',
    'ListDatabases',
    'GetDatabase',
    'ListTrends',
    'ListDestinations',
    'ListGaps',
    'ListJobs',
    'GetJob',
    'ExplainJob',
    'WatchJob',
    'ListBackups',
    'GetBackup',
    'ListAlerts',
    'GetPlan',
    'GetAlert',
    'ListSilences',
    'ListPauses',
    'GetPolicies',
    'GetEffectivePolicy',
    'CheckPolicies',
    'WhoAmI',
    'ListApprovals',
    'PreviewRetention',
    'ListVerifications',
  ].map(method => [operatorPath(method), operators] as const),
  [operatorPath('StartBackup'), ['operator', 'admin']],
  [operatorPath('CopyBackup'), ['operator', 'admin']],
  [operatorPath('VerifyBackup'), ['operator', 'admin']],
  [operatorPath('HoldBackup'), ['operator', 'restorer', 'admin']],
  ...['DeleteBackup', 'ReleaseBackup', 'ReleaseBrake'].map(
    method => [operatorPath(method), ['admin']] as const,
  ),
  [operatorPath('CancelJob'), ['operator', 'restorer', 'admin']],
  [operatorPath('StartRestore'), ['restorer', 'admin']],
  [operatorPath('AckAlert'), ['operator', 'restorer', 'admin']],
  [operatorPath('SilenceAlerts'), ['operator', 'admin']],
  [operatorPath('EndSilence'), ['operator', 'admin']],
  [operatorPath('TestAlertChannel'), ['operator', 'admin']],
  ...['Pause', 'Resume', 'DrainAgent', 'UndrainAgent'].map(
    method => [operatorPath(method), ['operator', 'admin']] as const,
  ),
  [operatorPath('ApplyPolicies'), ['admin']],
  [operatorPath('ListAudit'), ['admin']],
  [operatorPath('VerifyAudit'), ['admin']],
  ...['CreateToken', 'ListTokens', 'RevokeToken', 'GrantApproval'].map(
    method => [operatorPath(method), ['admin']] as const,
  ),
  // also of those who may not grant: what they asked for themselves
  [operatorPath('DenyApproval'), ['operator', 'restorer', 'admin']],
  // judged by what the request proves: a token, or a key that was certified
  ['/holdfast.v1.EnrolmentService/Enrol', ['newcomer']],
  ['/holdfast.v1.EnrolmentService/Renew', ['newcomer']],
  [operatorPath('CreateJoinToken'), ['admin']],
  [operatorPath('RevokeAgent'), ['admin']],
  ['/grpc.health.v1.Health/Check', everyone],
  ['/grpc.health.v1.Health/Watch', everyone],
  ['/grpc.health.v1.Health/List', everyone],
  ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', operators],
  ['/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', operators],
])

/** Why `principal` may not call `path`, or undefined when it may. Deny by default. */
export function refusal(path: string, principal: Principal): AppError | undefined {
  const allowed = access.get(path)
  if (allowed === undefined)
    return new AppError('access.denied', { message: 'nobody may call this', context: { path } })
  if (principal.roles.some(role => allowed.includes(role))) return undefined
  return new AppError('access.denied', { context: { path, needs: allowed, has: principal.roles } })
}
