/** A disk as its agent reports it, bytes. */
export interface DiskFill {
  readonly totalBytes: number
  readonly freeBytes: number
  /** What the agent leaves free there itself. */
  readonly reserveBytes: number
}

/**
 * Whether a disk is nearly full: less is free than the share that must be, or than what the agent leaves free there,
 * as staging stands still then. Once told, it is over only with half as much again free, so that a disk at the limit
 * does not come and go. A disk of unknown size is never low.
 *
 * @param share of the whole that must be free; 0: never low
 * @param told whether its alert is open
 */
export function diskIsLow(disk: DiskFill, share: number, told: boolean): boolean {
  const { totalBytes, freeBytes, reserveBytes } = disk
  if (totalBytes <= 0 || share <= 0) return false
  const limit = Math.min(Math.max(share * totalBytes, reserveBytes), totalBytes / 2)
  return freeBytes < (told ? 1.5 * limit : limit)
}
