import { AppError } from '../../shared/errors/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { HookMoment } from '../../shared/model/hook.ts'
import type { ToolFinder } from '../engines/port.ts'
import { type ChildRecord, joinProcesses, type StageEnd } from '../process/index.ts'
import { distrust } from './distrust.ts'
import type { Hook, HookBook, HookRun } from './hook.ts'

/** Most of what a hook said that its record keeps, characters. */
const mostSaid = 1_000

/** Its stdout goes where its stderr goes, in the order it was written. The script is constant. */
const intoStderr = ['/bin/sh', '-c', 'exec "$@" >&2', 'sh']

/** What running hooks uses. */
export interface HookWorld {
  readonly hooks: HookBook
  readonly tools: ToolFinder
  readonly log: Log
}

/**
 * Refuses names this host has no hook for, and programs that others may write to: before any work, so that a backup
 * never runs without what its policy wants around it.
 *
 * @throws AppError `hook.unknown`, `hook.unsafe`
 */
export function checkHooks(names: Iterable<string>, hooks: HookBook): void {
  for (const name of new Set(names)) checked(name, hooks)
}

/**
 * Runs one hook to its end, as stages run: bound to this process, in a process group that gets SIGTERM at time-out or
 * cancel and SIGKILL after a grace, its output drained. Never throws.
 *
 * @param signal a cancel, or the process that ends
 */
export async function runHook(
  name: string,
  moment: HookMoment,
  environment: Readonly<Record<string, string>>,
  world: HookWorld,
  signal: AbortSignal,
  onChildren?: (records: readonly ChildRecord[]) => void,
): Promise<HookRun> {
  const startedAt = performance.now()
  const run = await ended(name, environment, world, signal, onChildren).catch(
    (thrown: unknown): Ended => ({
      outcome: signal.aborted ? 'cancelled' : 'refused',
      detail: AppError.from(thrown).message,
      said: '',
    }),
  )
  const { said, ...rest } = run
  const durationMs = Math.round(performance.now() - startedAt)
  const told = { hook: name, moment, outcome: rest.outcome, took_ms: durationMs, said }
  if (rest.outcome === 'succeeded') world.log.info('a hook ran', told)
  else world.log.warn('a hook did not end well', { ...told, detail: rest.detail })
  return { name, moment, durationMs, ...rest }
}

type Ended = Pick<HookRun, 'outcome' | 'status' | 'detail'> & { readonly said: string }

async function ended(
  name: string,
  env: Readonly<Record<string, string>>,
  { hooks, tools }: HookWorld,
  signal: AbortSignal,
  onChildren?: (records: readonly ChildRecord[]) => void,
): Promise<Ended> {
  // looked at again: between the pre-flight and now others may have been let in
  const { program, args, timeout } = checked(name, hooks)
  const over = AbortSignal.timeout(timeout)
  const joined = await joinProcesses({
    stages: [{ command: { name: `hook ${name}`, program, args, env, through: intoStderr } }],
    input: false,
    output: false,
    tools,
    signal: AbortSignal.any([signal, over]),
    ...(onChildren === undefined ? {} : { onChildren }),
  })
  const { stages, cause } = await joined.ended
  const [end] = stages
  if (end === undefined) throw new AppError('internal', { message: 'a hook ended without an end' })
  const said = end.stderr.text
  const status = end.termination.kind === 'exited' ? { status: end.termination.status } : {}
  if (cause === undefined) return { outcome: 'succeeded', ...status, detail: '', said }
  const why = signal.aborted
    ? ({ outcome: 'cancelled', text: 'was ended with its job' } as const)
    : over.aborted
      ? ({ outcome: 'timed-out', text: `did not end within ${timeout} ms` } as const)
      : ({ outcome: 'failed', text: howItEnded(end) } as const)
  const last = said.slice(-mostSaid)
  return { outcome: why.outcome, ...status, detail: last === '' ? why.text : `${why.text}: ${last}`, said }
}

function howItEnded({ termination }: StageEnd): string {
  switch (termination.kind) {
    case 'exited':
      return `exited with status ${termination.status}`
    case 'signalled':
      return `was ended by ${termination.signal}`
    case 'spawn-failed':
      return `could not be started: ${termination.reason}`
  }
}

function checked(name: string, hooks: HookBook): Hook {
  const hook = hooks.get(name)
  if (hook === undefined)
    throw new AppError('hook.unknown', {
      message: `this host has no hook ${name}`,
      context: { hook: name, known: [...hooks.keys()] },
    })
  const problem = distrust(hook.program, { runs: true })
  if (problem !== undefined)
    throw new AppError('hook.unsafe', {
      message: `hook ${name} is not run: ${problem}`,
      context: { hook: name, program: hook.program },
    })
  return hook
}
