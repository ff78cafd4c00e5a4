/** Acts that configuration may put under a second person's approval. */
export const approvableActs = [
  'restore',
  'create-admin',
  'revoke-admin',
  'revoke-agent',
  'delete-backup',
  'release-hold',
  'shorten-retention',
  'weaken-verification',
] as const
export type ApprovableAct = (typeof approvableActs)[number]

/** Which acts take a second person, and how long an approval stands. */
export interface ApprovalRules {
  readonly required: ReadonlySet<ApprovableAct>
  /** From asking on, milliseconds: neither granted nor used afterwards. */
  readonly ttl: number
}
