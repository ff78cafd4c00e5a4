/**
 * A command as data: an argument array, never a shell. Secrets travel in files or descriptors, so `args`
 * and `env` may be shown as they are (architecture §8).
 */
export interface Command {
  /** The stage's name in reports: `pg_dump`, `meter`, `zstd`, … */
  readonly name: string
  /** Absolute path of the program. */
  readonly program: string
  readonly args: readonly string[]
  /** Added to the minimal environment (PATH, LC_ALL=C.UTF-8, TZ=UTC) that every child gets. No secrets here. */
  readonly env?: Readonly<Record<string, string>>
  /** Programs it is started through with their arguments, each of which becomes the next: `nice`, `ionice`. */
  readonly through?: readonly string[]
  /** Exit statuses that count as success; default `[0]`. */
  readonly okStatuses?: readonly number[]
}

/** Why a process ended, as data (style: execa). The first cause wins. */
export type Termination =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'spawn-failed'; readonly reason: string }

/** What a stage of the pipeline did; valid only after it closed. Bytes are exact or absent, never guessed. */
export interface StageResult {
  readonly name: string
  readonly command: readonly string[]
  readonly termination: Termination
  readonly bytesIn?: number
  readonly bytesOut?: number
  readonly durationMs: number
  /** Peak resident set, as sampled: a lower bound. */
  readonly peakRssBytes?: number
  /** The last 4 KiB of stderr, secrets removed. */
  readonly stderrTail: string
}
