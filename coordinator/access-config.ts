import { z } from 'zod'
import { duration } from '../shared/config/index.ts'
import { operatorRoles } from '../shared/model/role.ts'
import { type ApprovalRules, approvableActs } from './operations/approval-rules.ts'

/** Who may ask and steer by showing what, and what takes two of them. */
export const accessSchema = z.strictObject({
  /** What a caller without a token is on a plaintext listener, hence on this machine: a role, or `none`: everybody shows a token. */
  loopback: z.enum([...operatorRoles, 'none']).prefault('admin'),
  /** Longest life of a token. */
  longest_token: duration({ min: 60_000 }).prefault('366d'),
  approvals: z
    .strictObject({
      /** Acts that take a second person. */
      required: z.array(z.enum(approvableActs)).prefault([]),
      /** How long after it was asked for an approval can be granted and used. */
      ttl: duration({ min: 1_000 }).prefault('24h'),
    })
    .prefault({}),
})

/** The approvals as the verbs take them. */
export function approvalRulesOf({ approvals }: z.infer<typeof accessSchema>): ApprovalRules {
  return { required: new Set(approvals.required), ttl: approvals.ttl }
}
