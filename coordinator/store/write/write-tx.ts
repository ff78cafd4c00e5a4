import { AppError } from '../../../shared/errors/index.ts'
import type { WriteTx } from '../port.ts'
import type { Step } from '../step.ts'
import { isTotal } from '../totals.ts'
import { agentWrites } from './agents.ts'
import { alertWrites, outboxWrites, silenceWrites } from './alerts.ts'
import { attemptWrites, decisionWrites } from './attempts.ts'
import { auditWrites } from './audit.ts'
import { backupWrites, brakeReleaseWrites, debrisWrites } from './backups.ts'
import { clusterWrites, databaseWrites, instanceWrites } from './fleet.ts'
import { identityWrites } from './identities.ts'
import { jobWrites } from './jobs.ts'
import { requestWrites, resultWrites } from './ledgers.ts'
import { pauseWrites } from './pauses.ts'
import { policyRevisionWrites } from './policy-revisions.ts'
import { pruneWrites } from './prune.ts'
import { approvalWrites, tokenWrites } from './trust.ts'
import { verificationWrites } from './verifications.ts'

/** All that a step may touch. Built as it is used: most steps use three of these. */
export function writeTx(step: Step): WriteTx {
  return {
    get jobs() {
      return jobWrites(step)
    },
    get attempts() {
      return attemptWrites(step)
    },
    get decisions() {
      return decisionWrites(step)
    },
    get agents() {
      return agentWrites(step)
    },
    get clusters() {
      return clusterWrites(step)
    },
    get instances() {
      return instanceWrites(step)
    },
    get databases() {
      return databaseWrites(step)
    },
    get backups() {
      return backupWrites(step)
    },
    get debris() {
      return debrisWrites(step)
    },
    get alerts() {
      return alertWrites(step)
    },
    get outbox() {
      return outboxWrites(step)
    },
    get silences() {
      return silenceWrites(step)
    },
    get pauses() {
      return pauseWrites(step)
    },
    get policyRevisions() {
      return policyRevisionWrites(step)
    },
    get tokens() {
      return tokenWrites(step)
    },
    get approvals() {
      return approvalWrites(step)
    },
    get identities() {
      return identityWrites(step)
    },
    get verifications() {
      return verificationWrites(step)
    },
    get brakeReleases() {
      return brakeReleaseWrites(step)
    },
    get audit() {
      return auditWrites(step)
    },
    get requests() {
      return requestWrites(step)
    },
    get results() {
      return resultWrites(step)
    },
    get prune() {
      return pruneWrites(step)
    },
    counters: {
      add: async (name, by) => {
        if (isTotal(name)) throw new AppError('internal', { message: `the store keeps ${name} itself` })
        step.add(name, by)
      },
    },
    afterCommit: effect => {
      step.effects.push(effect)
    },
  }
}
