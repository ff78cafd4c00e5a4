import { AppError } from '../../shared/errors/index.ts'
import type { ChildRecord } from '../process/index.ts'
import { type AttemptEnd, hookEnvironment } from './environment.ts'
import type { HookRun, JobHooks } from './hook.ts'
import { type HookWorld, runHook } from './run-hook.ts'

/** What runs hooks of an attempt wants to be told. */
export interface HookVoice {
  /** The next one begins. */
  begins(name: string): void
  ended(run: HookRun): void
  readonly onChildren?: (records: readonly ChildRecord[]) => void
}

/**
 * Runs the hooks before an attempt, in order, up to the first that does not succeed.
 *
 * @param signal the attempt's: its cancel and its time-out end a hook, too
 * @throws AppError `hook.failed`
 */
export async function runBefore(
  { before, facts }: JobHooks,
  world: HookWorld,
  signal: AbortSignal,
  voice: HookVoice,
): Promise<void> {
  for (const name of before) {
    signal.throwIfAborted()
    voice.begins(name)
    const environment = hookEnvironment(name, 'before', facts)
    const run = await runHook(name, 'before', environment, world, signal, voice.onChildren)
    voice.ended(run)
    if (run.outcome !== 'succeeded')
      throw new AppError('hook.failed', {
        // one line: what it said stands behind it
        message: `hook ${name} ${(run.detail.split('\n')[0] ?? '').slice(0, 200)}`,
        context: {
          hook: name,
          outcome: run.outcome,
          ...(run.status === undefined ? {} : { status: run.status }),
          detail: run.detail,
        },
      })
  }
}

/**
 * Runs the hooks behind an attempt that ended, whatever became of those before them: `on_failure` when it failed, then
 * `after`. Nothing they do changes how it ended.
 *
 * @param leaving the process ends: what has not run is run at the next start
 * @throws what `leaving` was aborted with, and nothing else
 */
export async function runAfter(
  { after, onFailure, facts }: Omit<JobHooks, 'before'>,
  end: AttemptEnd,
  world: HookWorld,
  leaving: AbortSignal,
  voice: HookVoice,
): Promise<void> {
  const due = [
    ...(end.outcome === 'failed' ? onFailure.map(name => ({ name, moment: 'on_failure' as const })) : []),
    ...after.map(name => ({ name, moment: 'after' as const })),
  ]
  for (const { name, moment } of due) {
    leaving.throwIfAborted()
    voice.begins(name)
    const environment = hookEnvironment(name, moment, facts, end)
    const run = await runHook(name, moment, environment, world, leaving, voice.onChildren)
    leaving.throwIfAborted()
    voice.ended(run)
  }
}
