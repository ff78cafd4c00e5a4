import {
  type OperatorServiceServer,
  OperatorServiceService,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { type HandleEnv, serverStream, unary } from '../handle.ts'
import { createJoinToken, revokeAgent } from './agent-identities.ts'
import { drainAgent, getAgent, listAgents, undrainAgent } from './agents.ts'
import { ackAlert, getAlert, listAlerts, testAlertChannel } from './alerts.ts'
import { denyApproval, grantApproval, listApprovals } from './approvals.ts'
import { listAudit, verifyAudit } from './audit.ts'
import { copyBackup, getBackup, listBackups, startBackup, startRestore } from './backups.ts'
import { getCluster, listClusters } from './clusters.ts'
import { getDatabase, listDatabases } from './databases.ts'
import type { OperatorDeps } from './deps.ts'
import { listDestinations } from './destinations.ts'
import { listGaps } from './gaps.ts'
import { listInstances } from './instances.ts'
import { cancelJob, explainJob, getJob, listJobs, watchJob } from './jobs.ts'
import { listPauses, pause, resume } from './pauses.ts'
import { getPlan } from './plan.ts'
import { applyPolicies, checkPolicies, getEffectivePolicy, getPolicies } from './policies.ts'
import { deleteBackup, holdBackup, previewRetention, releaseBackup, releaseBrake } from './retention.ts'
import { endSilence, listSilences, silenceAlerts } from './silences.ts'
import { getStatus } from './status.ts'
import { createToken, listTokens, revokeToken } from './tokens.ts'
import { listTrends } from './trends.ts'
import { listVerifications, verifyBackup } from './verifications.ts'
import { whoAmI } from './who-am-i.ts'

/** The operator service: every RPC of the contract, wrapped so that no handler can end the process. */
export function operatorService(env: HandleEnv, deps: OperatorDeps) {
  const implementation: OperatorServiceServer = {
    getStatus: unary(env, getStatus(deps)),
    listAgents: unary(env, listAgents(deps)),
    getAgent: unary(env, getAgent(deps)),
    listInstances: unary(env, listInstances(deps)),
    listClusters: unary(env, listClusters(deps)),
    getCluster: unary(env, getCluster(deps)),
    listDatabases: unary(env, listDatabases(deps)),
    getDatabase: unary(env, getDatabase(deps)),
    listTrends: unary(env, listTrends(deps)),
    listDestinations: unary(env, listDestinations(deps)),
    listGaps: unary(env, listGaps(deps)),
    listJobs: unary(env, listJobs(deps)),
    getJob: unary(env, getJob(deps)),
    explainJob: unary(env, explainJob(deps)),
    watchJob: serverStream(env, watchJob(deps)),
    cancelJob: unary(env, cancelJob(deps)),
    listBackups: unary(env, listBackups(deps)),
    getBackup: unary(env, getBackup(deps)),
    startBackup: unary(env, startBackup(deps)),
    copyBackup: unary(env, copyBackup(deps)),
    verifyBackup: unary(env, verifyBackup(deps)),
    listVerifications: unary(env, listVerifications(deps)),
    startRestore: unary(env, startRestore(deps)),
    deleteBackup: unary(env, deleteBackup(deps)),
    holdBackup: unary(env, holdBackup(deps)),
    releaseBackup: unary(env, releaseBackup(deps)),
    previewRetention: unary(env, previewRetention(deps)),
    releaseBrake: unary(env, releaseBrake(deps)),
    getPlan: unary(env, getPlan(deps)),
    listAlerts: unary(env, listAlerts(deps)),
    getAlert: unary(env, getAlert(deps)),
    ackAlert: unary(env, ackAlert(deps)),
    silenceAlerts: unary(env, silenceAlerts(deps)),
    listSilences: unary(env, listSilences(deps)),
    endSilence: unary(env, endSilence(deps)),
    testAlertChannel: unary(env, testAlertChannel(deps)),
    pause: unary(env, pause(deps)),
    resume: unary(env, resume(deps)),
    listPauses: unary(env, listPauses(deps)),
    drainAgent: unary(env, drainAgent(deps)),
    undrainAgent: unary(env, undrainAgent(deps)),
    getPolicies: unary(env, getPolicies(deps)),
    getEffectivePolicy: unary(env, getEffectivePolicy(deps)),
    checkPolicies: unary(env, checkPolicies(deps)),
    applyPolicies: unary(env, applyPolicies(deps)),
    createJoinToken: unary(env, createJoinToken(deps)),
    revokeAgent: unary(env, revokeAgent(deps)),
    listAudit: unary(env, listAudit(deps)),
    verifyAudit: unary(env, verifyAudit(deps)),
    whoAmI: unary(env, whoAmI()),
    createToken: unary(env, createToken(deps)),
    listTokens: unary(env, listTokens(deps)),
    revokeToken: unary(env, revokeToken(deps)),
    listApprovals: unary(env, listApprovals(deps)),
    grantApproval: unary(env, grantApproval(deps)),
    denyApproval: unary(env, denyApproval(deps)),
  }
  return { definition: OperatorServiceService, implementation }
}
