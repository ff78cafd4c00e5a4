import type { Duration } from '../../../shared/time/index.ts'
import type { Labels } from '../../store/records.ts'
import type { QuietHours } from './quiet-hours.ts'
import type { Severity } from './severity.ts'

/** Who is told of what. */
export interface Route {
  /** Empty matches every alert. */
  readonly match: Labels
  readonly minSeverity: Severity
  readonly channels: readonly string[]
}

/** What the rules go by: resolved configuration. */
export interface AlertRules {
  /** Every channel by name. */
  readonly channels: readonly string[]
  /** Every one that matches adds its channels; without any, all channels are told of everything. */
  readonly routes: readonly Route[]
  readonly quietHours?: QuietHours
  /** Between two reminders of an alert nobody looks after; 0 is never. */
  readonly remindEvery: Duration
  /** Before somebody is told, so that what belongs together is told together. */
  readonly groupWait: Duration
  /** At least so long between two messages about an alert that grows. */
  readonly groupInterval: Duration
  /** More than this many untold alerts of a kind are one. */
  readonly foldAbove: number
  /** What an alert explained has so long to mend itself once that is over. */
  readonly catchUp: Duration
  readonly flapping: {
    /** So many openings within that time, and an alert is flapping: it ends only after a time of calm. */
    readonly openings: number
    readonly within: Duration
    readonly settle: Duration
  }
  readonly site: {
    /** Fewer agents than this are no site. */
    readonly agents: number
    /** Share of them that must be silent. */
    readonly share: number
    /** Silences that begin within this belong together. */
    readonly window: Duration
  }
  readonly destination: {
    /** Different databases whose attempts must fail. */
    readonly databases: number
    readonly window: Duration
  }
  readonly longRunning: { readonly factor: number; readonly atLeast: Duration }
  readonly size: { readonly shrinkTo: number; readonly growBy: number; readonly atLeastBytes: number }
  /** How long before its backups outgrow the time they may take somebody is told. */
  readonly outgrow: { readonly ahead: Duration }
  readonly clockOffset: Duration
  readonly disk: { readonly freeShare: number }
}

/** The rules with what was not said as it usually is. */
export function alertRules(over: Partial<AlertRules> = {}): AlertRules {
  return {
    channels: [],
    routes: [],
    remindEvery: 24 * 3_600_000,
    groupWait: 30_000,
    groupInterval: 3_600_000,
    foldAbove: 10,
    catchUp: 3_600_000,
    flapping: { openings: 3, within: 24 * 3_600_000, settle: 6 * 3_600_000 },
    site: { agents: 3, share: 0.8, window: 600_000 },
    destination: { databases: 3, window: 1_800_000 },
    longRunning: { factor: 3, atLeast: 600_000 },
    size: { shrinkTo: 0.5, growBy: 3, atLeastBytes: 10 * 2 ** 20 },
    outgrow: { ahead: 28 * 24 * 3_600_000 },
    clockOffset: 30_000,
    disk: { freeShare: 0.05 },
    ...over,
  }
}
