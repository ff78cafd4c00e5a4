import type { Clock } from '../../../shared/clock/index.ts'
import type { Log } from '../../../shared/log/index.ts'
import type { Duration, Millis } from '../../../shared/time/index.ts'
import type { Term } from '../../operations/term.ts'
import type { Pace } from '../bucket.ts'
import type { Sessions } from './sessions.ts'

/** What counts on the link, for metrics. Names are few and fixed. */
export interface LinkCounts {
  /** A frame that was not taken, by reason code. */
  refused(reason: string): void
  /** A frame this version does not know: a newer peer. */
  unknownFrame(): void
}

/** What one agent may send. */
export interface LinkLimits {
  /** Frames; beyond, its stream is read no faster. */
  readonly frames: Pace
  /** How long a stream may be silent before its Hello, milliseconds. */
  readonly hello: Duration
  /** Databases of one instance. */
  readonly databases: number
}

/** What every session of the link works with. */
export interface Link {
  readonly clock: Clock
  readonly log: Log
  readonly version: string
  readonly sessions: Sessions
  readonly counts: LinkCounts
  /** The term this process leads in now, if it does. */
  readonly term: () => Term | undefined
  readonly draining: () => boolean
  readonly limits: LinkLimits
  /** Refusals at the door, audited and folded. */
  readonly refused: (actor: string, reason: string, subject: string, at: Millis) => void
  /** Agents or databases changed: instances are looked at again soon. */
  readonly fleetChanged: () => void
}
