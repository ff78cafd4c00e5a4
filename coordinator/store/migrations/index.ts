import { first } from './0001-first.ts'
import { presentAndPast } from './0002-present-and-past.ts'
import { silences } from './0003-silences.ts'
import { missingCopies } from './0004-missing-copies.ts'
import { pauses } from './0005-pauses.ts'
import { auditByTime } from './0006-audit-by-time.ts'
import { trends } from './0007-trends.ts'
import { policyRevisions } from './0008-policy-revisions.ts'
import { tokensAndApprovals } from './0009-tokens-and-approvals.ts'
import { identities } from './0010-identities.ts'
import { sortedBackups } from './0011-sorted-backups.ts'
import { leavingBackups } from './0012-leaving-backups.ts'
import { destinationDays } from './0013-destination-days.ts'
import { verifications } from './0014-verifications.ts'
import type { Migration } from './migration.ts'

export type { Migration } from './migration.ts'

/** Every migration in order; numbers without gaps from 1. */
export const migrations: readonly Migration[] = [
  first,
  presentAndPast,
  silences,
  missingCopies,
  pauses,
  auditByTime,
  trends,
  policyRevisions,
  tokensAndApprovals,
  identities,
  sortedBackups,
  leavingBackups,
  destinationDays,
  verifications,
]
