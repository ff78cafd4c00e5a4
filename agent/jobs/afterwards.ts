import { runAfter } from '../hooks/around.ts'
import type { HookRun } from '../hooks/hook.ts'
import type { HookWorld } from '../hooks/run-hook.ts'
import type { JournalHead } from './journal-record.ts'
import type { AttemptResult, HookResult } from './result.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'

/** What running hooks uses of the world. Recovery without a coordinator has neither hooks nor their tools. */
export type AfterwardsWorld = Pick<Surroundings, 'log' | 'hooks'> & Partial<Pick<Surroundings, 'tools'>>

/**
 * The result of an attempt with what its hooks did: those that ran before it, and those behind it, which run now. They
 * run before the result is spooled, so that it tells of them, and so that a process that dies meanwhile runs them again.
 *
 * @throws what `voice.leaving` was aborted with: the journal holds the rest
 */
export async function afterwards(
  { hooks }: Pick<JournalHead, 'hooks'>,
  result: AttemptResult,
  ran: readonly HookRun[],
  world: AfterwardsWorld,
  voice: Pick<AttemptVoice, 'leaving'> & Partial<Pick<AttemptVoice, 'progress' | 'children'>>,
): Promise<AttemptResult> {
  if (hooks === undefined) return result
  const {
    outcome,
    failure,
    manifest_key: manifestKey,
    raw_bytes: rawBytes,
    stored_bytes: storedBytes,
  } = result
  const runs = [...ran]
  await runAfter(
    { after: hooks.after, onFailure: hooks.on_failure, facts: hooks.facts },
    {
      outcome,
      rawBytes,
      storedBytes,
      ...(failure === undefined ? {} : { code: failure.code }),
      ...(manifestKey === undefined ? {} : { manifestKey }),
    },
    hookWorld(world),
    voice.leaving,
    {
      begins: name =>
        voice.progress?.({ stage: `hook ${name}`, rawBytes, storedBytes, predictedRawBytes: rawBytes }),
      ended: run => runs.push(run),
      onChildren: records => voice.children?.(records),
    },
  )
  return runs.length === 0 ? result : { ...result, hooks: runs.map(toResult) }
}

/** Hooks with what they are run by. */
export function hookWorld({ log, hooks = new Map(), tools }: AfterwardsWorld): HookWorld {
  return { log, hooks, tools: tools ?? noTools }
}

const noTools: HookWorld['tools'] = {
  find: () => Promise.reject(new Error('nothing is run without a coordinator')),
}

function toResult({ durationMs, ...run }: HookRun): HookResult {
  return { ...run, duration_ms: durationMs }
}
