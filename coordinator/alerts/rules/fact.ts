import type { Duration, Millis } from '../../../shared/time/index.ts'
import type { Labels } from '../../store/records.ts'
import type { Outgrowing } from './outgrowing.ts'
import type { Severity } from './severity.ts'

/** Where a fact belongs: what routes and silences select by, and whose trouble would explain it. */
export interface About {
  readonly labels?: Labels
  /** The agents it depends on: all of them silent explain it. */
  readonly agentIds?: readonly string[]
  readonly site?: string
  readonly destination?: string
}

/** What alert rules look at: facts that the writer states, in the same transaction as the change they tell of. */
export type AlertFact = { readonly about?: About } & (
  | {
      readonly kind: 'job-failed-finally'
      readonly jobId: string
      readonly jobKind: string
      readonly subject: string
      readonly subjectName: string
      readonly code: string
      readonly message: string
    }
  | {
      readonly kind: 'job-succeeded'
      readonly jobKind: string
      readonly subject: string
      readonly subjectName: string
    }
  | {
      readonly kind: 'protection'
      readonly databaseId: string
      readonly name: string
      readonly breached: boolean
      readonly reason: string
      readonly detail: string
      readonly lastDataAsOf?: Millis
    }
  | {
      readonly kind: 'agent'
      readonly agentId: string
      readonly hostname: string
      readonly silent: boolean
      readonly lastSeenAt: Millis
    }
  | { readonly kind: 'agent-cloned'; readonly agentId: string; readonly hostname: string }
  | { readonly kind: 'agent-clone-over'; readonly agentId: string; readonly hostname: string }
  | {
      readonly kind: 'site'
      readonly site: string
      readonly dead: boolean
      readonly silent: number
      readonly agents: number
      readonly since: Millis
    }
  | {
      readonly kind: 'destination'
      readonly destination: string
      readonly failing: boolean
      readonly databases: number
      readonly code: string
      readonly since: Millis
    }
  | {
      readonly kind: 'destination-speed'
      readonly destination: string
      readonly slow: boolean
      readonly running: number
      readonly long: number
    }
  | {
      readonly kind: 'running'
      readonly jobId: string
      readonly jobKind: string
      readonly subject: string
      readonly subjectName: string
      /** Absent: no longer, or not beyond what is usual. */
      readonly long?: { readonly startedAt: Millis; readonly limit: Duration; readonly usual?: Duration }
    }
  | {
      /** The coordinator's own clock. */
      readonly kind: 'own-clock'
      /** By how much it jumped, as most agents say; absent: it is believed again. */
      readonly wrongBy?: Duration
    }
  | {
      readonly kind: 'clock'
      readonly agentId: string
      readonly hostname: string
      readonly offset: Duration
      /** Absent: near enough. */
      readonly severity?: Severity
    }
  | {
      readonly kind: 'size'
      readonly databaseId: string
      readonly name: string
      readonly backupId: string
      /** Absent: as usual. */
      readonly anomaly?: {
        readonly what: string
        readonly text: string
        readonly severity: Severity
        readonly usual: number
        readonly now: number
      }
    }
  | {
      readonly kind: 'outgrowing'
      readonly databaseId: string
      readonly name: string
      /** Absent: not that soon. */
      readonly soon?: Outgrowing
    }
  | {
      readonly kind: 'hooks'
      readonly databaseId: string
      readonly name: string
      readonly jobId: string
      readonly hostname: string
      /** Hooks behind its last attempt that did not end well; none: all did. */
      readonly failed: readonly { readonly name: string; readonly outcome: string; readonly detail: string }[]
    }
  | {
      readonly kind: 'verification'
      readonly databaseId: string
      readonly name: string
      /** The newest backup that a restore found bad, with nothing as new proven since; absent: there is none. */
      readonly bad?: { readonly backupId: string; readonly detail: string }
    }
  | {
      readonly kind: 'verification-due'
      readonly databaseId: string
      readonly name: string
      /** Absent: proven in time. */
      readonly overdue?: string
    }
  | {
      readonly kind: 'disk'
      readonly agentId: string
      readonly hostname: string
      readonly path: string
      readonly freeBytes: number
      readonly totalBytes: number
      readonly low: boolean
    }
  | {
      readonly kind: 'copies-missing'
      /** Database or cluster id. */
      readonly subject: string
      readonly name: string
      /** Copies that are overdue; 0: none any more. */
      readonly missing: number
      readonly destinations: readonly string[]
    }
  | {
      readonly kind: 'policies'
      /** A newer text of the policies could not be put in force. */
      readonly refused: boolean
      /** Where it is kept. */
      readonly home: string
      readonly detail: string
    }
  | {
      readonly kind: 'audit-ship'
      /** `file` or `syslog`. */
      readonly sink: string
      readonly to: string
      readonly failing: boolean
      readonly detail: string
      readonly since: Millis
      /** Events that are not there yet. */
      readonly waiting: number
    }
  | {
      readonly kind: 'retention-brake'
      /** More backups would be deleted than is usual: none is. */
      readonly on: boolean
      readonly beyond: number
      readonly limit: number
      readonly total: number
    }
  | {
      readonly kind: 'backup-succeeded'
      readonly jobId: string
      readonly subjectName: string
      readonly backupId: string
      readonly storedBytes: number
    }
)

/** What a rule decides: open or resolve the one alert of a key, or say something once. */
export type AlertDecision =
  | OpenDecision
  | { readonly kind: 'resolve'; readonly dedupKey: string; readonly summary: string }

/** An alert that opens, or is brought up to date; a notice is over as soon as it is told. */
export interface OpenDecision {
  readonly kind: 'open' | 'notice'
  readonly dedupKey: string
  readonly alert: string
  readonly severity: Severity
  readonly summary: string
  readonly facts: Readonly<Record<string, string>>
  readonly labels?: Labels
  /** Keys whose open alerts explain it: any list all of which are open. */
  readonly causes: readonly (readonly string[])[]
  /** Whether others of its kind may come at the same time: then it waits for them. */
  readonly waits: boolean
}
