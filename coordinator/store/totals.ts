/**
 * Sums that the writer keeps beside the counters of the port, in the same table, so that no aggregate scans
 * history. Their names begin with `~`; `counters()` hides them.
 */
export const totals = {
  instances: '~instances',
  databases: '~databases',
  backups: '~backups',
  storedBytes: '~stored_bytes',
  /** Rows of the audit chain: tells when its end was cut off. */
  audit: '~audit',
} as const

/** Databases in a state of protection. */
export function protectionTotal(protection: string): string {
  return `~protection.${protection}`
}

/** Ended jobs by state; open ones are counted from their index. */
export function endedTotal(state: string): string {
  return `~ended.${state}`
}

/** The part behind the prefix, when `name` has it. */
export function suffixOf(name: string, prefix: string): string | undefined {
  return name.startsWith(prefix) ? name.slice(prefix.length) : undefined
}

/** Whether a counter is the store's own. */
export function isTotal(name: string): boolean {
  return name.startsWith('~')
}
