import type { HookMoment, HookOutcome } from '../../shared/model/hook.ts'
import type { Duration } from '../../shared/time/index.ts'

/** What this host runs for a name. */
export interface Hook {
  /** Absolute path. */
  readonly program: string
  readonly args: readonly string[]
  /** It is ended after so long, with all it started. */
  readonly timeout: Duration
}

/** The hooks of this host, by name. */
export type HookBook = ReadonlyMap<string, Hook>

/** What a hook is told of the job: by the name of its variable behind `HOLDFAST_HOOK_`. */
export type HookFacts = Readonly<Record<string, string>>

/** The hooks a job asks for, by name, in the order they run. */
export interface JobHooks {
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly onFailure: readonly string[]
  readonly facts: HookFacts
}

/** One hook that ran, or was to run. */
export interface HookRun {
  readonly name: string
  readonly moment: HookMoment
  readonly outcome: HookOutcome
  /** Exit status; absent when it was ended by a signal or never ran. */
  readonly status?: number
  readonly durationMs: Duration
  /** Why it did not succeed, with the end of what it said; secrets removed. Empty when it did. */
  readonly detail: string
}
