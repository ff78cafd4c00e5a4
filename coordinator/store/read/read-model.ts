import type { ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'
import { unavailable } from '../store-error.ts'
import { agentReads } from './agents.ts'
import { aggregateReads } from './aggregates.ts'
import { alertReads } from './alerts.ts'
import { auditReads } from './audit.ts'
import { backupReads } from './backups.ts'
import { fleetReads } from './fleet.ts'
import { identityReads } from './identities.ts'
import { jobReads } from './jobs.ts'
import { pauseReads } from './pauses.ts'
import { policyRevisionReads } from './policy-revisions.ts'
import { presentReads } from './present.ts'
import { trendReads } from './trends.ts'
import { trustReads } from './trust.ts'
import { verificationReads } from './verifications.ts'

/** All reads, on the readers' connections; errors of the driver become `store.unavailable`. */
export function readModel(db: Database): ReadModel {
  return guarded({
    ...jobReads(db),
    ...agentReads(db),
    ...fleetReads(db),
    ...presentReads(db),
    ...backupReads(db),
    ...verificationReads(db),
    ...alertReads(db),
    ...auditReads(db),
    ...pauseReads(db),
    ...trendReads(db),
    ...policyRevisionReads(db),
    ...trustReads(db),
    ...identityReads(db),
    ...aggregateReads(db),
  })
}

type AsyncMethod = (...args: never[]) => Promise<unknown>

function guarded(model: ReadModel): ReadModel {
  const entries = Object.entries(model as unknown as Record<string, AsyncMethod>).map(([name, read]) => {
    const guardedRead = async (...args: never[]) => {
      try {
        return await read(...args)
      } catch (thrown) {
        throw unavailable(thrown, { read: name })
      }
    }
    return [name, guardedRead] as const
  })
  return Object.fromEntries(entries) as unknown as ReadModel
}
