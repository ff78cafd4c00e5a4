import type { HookMoment } from '../../shared/model/hook.ts'
import type { HookFacts } from './hook.ts'

/** How an attempt ended, as hooks behind it are told. */
export interface AttemptEnd {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled'
  /** Code of its failure. */
  readonly code?: string
  readonly manifestKey?: string
  readonly rawBytes: number
  readonly storedBytes: number
}

/**
 * What a hook is told, beside the minimal environment of every child: what the job is about, and to those behind it how
 * it ended. No secret is among it. All of it starts with `HOLDFAST_HOOK`, which no program of ours takes for its
 * configuration. Names of databases are whatever their owners chose: a script has to quote them.
 */
export function hookEnvironment(
  name: string,
  moment: HookMoment,
  facts: HookFacts,
  end?: AttemptEnd,
): Record<string, string> {
  const told: Readonly<Record<string, string | undefined>> = {
    ...facts,
    MOMENT: moment,
    OUTCOME: end?.outcome,
    FAILURE: end?.code,
    MANIFEST: end?.manifestKey,
    RAW_BYTES: end === undefined ? undefined : String(end.rawBytes),
    STORED_BYTES: end === undefined ? undefined : String(end.storedBytes),
  }
  return {
    HOLDFAST_HOOK: name,
    ...Object.fromEntries(
      Object.entries(told).flatMap(([key, value]) =>
        // no environment takes a NUL
        value === undefined ? [] : [[`HOLDFAST_HOOK_${key}`, value.replaceAll('\0', '')]],
      ),
    ),
  }
}
