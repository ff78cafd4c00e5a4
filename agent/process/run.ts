import { AppError } from '../../shared/errors/index.ts'
import type { ToolFinder } from '../engines/port.ts'
import { boundToUs } from './bound.ts'
import type { Command } from './command.ts'
import { childEnvironment } from './environment.ts'
import { abortCause } from './join.ts'
import { redact } from './redact.ts'
import { stderrTailBytes } from './stderr-tail.ts'

/** What a command that is not joined gave back. */
export interface RunResult {
  readonly stdout: string
  /** The last 4 KiB of stderr, secrets removed. */
  readonly stderrTail: string
  readonly status: number
}

/**
 * Runs one command to its end and collects what it says; for short answers, never for dumps.
 *
 * @throws AppError `stage.failed` for a status that is not among `okStatuses`, a signal, a time-out
 */
export async function runCommand(
  command: Command,
  options: {
    readonly tools: ToolFinder
    readonly signal?: AbortSignal
    readonly input?: string | Uint8Array
    /** Default one minute. */
    readonly timeoutMs?: number
    /** Most bytes of stdout; default 16 MiB. */
    readonly maxBytes?: number
  },
): Promise<RunResult> {
  const { signal } = options
  if (signal?.aborted) throw abortCause(signal)
  const setpriv = (await options.tools.find(['setpriv'], [], 'path')).path
  const bound = boundToUs(setpriv, command.program, command.args, command.through)
  // a backup by pipes alone never needs it, and it is a hundred modules
  const { execa } = await import('execa')
  const result = await execa(bound.file, bound.args, {
    reject: false,
    env: childEnvironment(command.env),
    extendEnv: false,
    maxBuffer: options.maxBytes ?? 16 * 1024 * 1024,
    stripFinalNewline: false,
    timeout: options.timeoutMs ?? 60_000,
    forceKillAfterDelay: 5_000,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  if (signal?.aborted) throw abortCause(signal)
  const stderrTail = redact(result.stderr.slice(-stderrTailBytes)).trim()
  if (
    result.exitCode !== undefined &&
    (command.okStatuses ?? [0]).includes(result.exitCode) &&
    !result.timedOut
  )
    return { stdout: result.stdout, stderrTail, status: result.exitCode }
  throw new AppError('stage.failed', {
    message: result.timedOut
      ? `${command.name} did not end in time`
      : `${command.name} ${result.exitCode === undefined ? `was ended by ${result.signal ?? 'a fault'}` : `exited with status ${result.exitCode}`}`,
    context: {
      stage: command.name,
      ...(result.exitCode === undefined ? {} : { status: result.exitCode }),
      stderr: stderrTail,
    },
  })
}
