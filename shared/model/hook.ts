/** What a hook may be called: policies and agents' configurations name it, logs and tables show it. */
export const hookName = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** When a hook runs: before the dump; after the attempt, whatever became of it; before those, when it failed. */
export const hookMoments = ['before', 'after', 'on_failure'] as const
export type HookMoment = (typeof hookMoments)[number]

/** `refused`: the host would not run it: it has none of that name, or others may write to its program. */
export const hookOutcomes = ['succeeded', 'failed', 'timed-out', 'cancelled', 'refused'] as const
export type HookOutcome = (typeof hookOutcomes)[number]
