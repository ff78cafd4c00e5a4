import type { Millis } from '../../../shared/time/index.ts'

/** What alert rules look at: facts that the writer states, in the same transaction as the change they tell of. */
export type AlertFact =
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

/** What a rule decides: open or resolve the one alert of a key, or nothing. */
export type AlertDecision =
  | {
      readonly kind: 'open'
      readonly dedupKey: string
      readonly alert: string
      readonly severity: 'info' | 'warning' | 'critical'
      readonly summary: string
      readonly facts: Readonly<Record<string, string>>
    }
  | { readonly kind: 'resolve'; readonly dedupKey: string; readonly summary: string }
  | { readonly kind: 'none' }
