import type { ChecksumMode, DestinationProfile } from '../../model/destination.ts'

/** What a probe tries, one after the other. */
export type ProbeCheck =
  | 'list'
  | 'clock'
  | 'put'
  | 'read'
  | 'body-hash'
  | 'checksum'
  | `checksum-${Exclude<ChecksumMode, 'none'>}`
  | 'conditional-put'
  | 'multipart'
  | 'multipart-checksum'
  | 'part-numbers'
  | 'list-uploads'
  | 'abort'
  | 'storage-class'
  | 'encryption'
  | 'tags'
  | 'bucket-owner'
  | 'versioning'
  | 'object-lock'
  | 'lifecycle'
  | 'delete'
  | 'space'

/**
 * - `yes`: tried, and it does
 * - `no`: tried, and refused
 * - `ignored`: accepted, and nothing came of it: the answer that deceives
 * - `denied`: these credentials may not
 * - `unknown`: could not be found out
 */
export type ProbeAnswer = 'yes' | 'no' | 'ignored' | 'denied' | 'unknown'

/** `problem`: backups fail, or are not what they are said to be. `warning`: something to mend. `note`: to know. */
export type ProbeLevel = 'ok' | 'note' | 'warning' | 'problem'

/** What one check found. */
export interface ProbeFinding {
  readonly check: ProbeCheck
  readonly answer: ProbeAnswer
  readonly level: ProbeLevel
  /** For people, one line. */
  readonly detail: string
}

/** The profile and checksum that fit what was found. */
export interface Suggestion {
  readonly profile: DestinationProfile
  readonly checksum?: ChecksumMode
  readonly reasons: readonly string[]
}

/** What a destination really supports, tried with these credentials. */
export interface DestinationProbe {
  readonly url: string
  readonly endpoint?: string
  readonly profile: DestinationProfile
  readonly findings: readonly ProbeFinding[]
  /** Store's clock minus ours, ms, to about a second; absent when it told none. */
  readonly clockOffsetMs?: number
  readonly suggestion?: Suggestion
  /** Keys of the probe that could not be deleted. */
  readonly left: readonly string[]
}
