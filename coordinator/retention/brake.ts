/** Limits of the brake. */
export interface BrakeRule {
  /** Of all backups, percent. */
  readonly percent: number
  /** Fewer than so many never trip it. */
  readonly atLeast: number
}

/** One database's part in a look. */
export interface BrakeShare {
  /** Backups it has. */
  readonly total: number
  /** Those of them that nothing keeps, and that nobody has let go. */
  readonly expired: number
  /** Those made lately, for which as many go: what is usual. */
  readonly recent: number
}

/** Whether a look would delete more than is usual, and how much that is. */
export interface Brake {
  readonly on: boolean
  /** Backups that would go beyond those that new ones take the place of. */
  readonly beyond: number
  /** More than so many trip it. */
  readonly limit: number
  readonly total: number
}

/**
 * Whether to stop before anything goes. In a fleet that runs as ever, one backup goes for each that is made; what is
 * beyond that comes of a rule that was changed, a mistake or a defect, and a person says whether it is meant.
 */
export function brakeOf(shares: Iterable<BrakeShare>, { percent, atLeast }: BrakeRule): Brake {
  let total = 0
  let beyond = 0
  for (const share of shares) {
    total += share.total
    beyond += Math.max(0, share.expired - share.recent)
  }
  const limit = Math.max(atLeast, Math.floor((total * percent) / 100))
  return { on: beyond > limit, beyond, limit, total }
}
