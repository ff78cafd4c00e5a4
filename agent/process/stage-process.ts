import type { ChildProcess, StdioOptions } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { AppError } from '../../shared/errors/index.ts'
import { boundToUs, saysNotStarted } from './bound.ts'
import { type ChildRecord, recordOf, startTimeOf } from './child-record.ts'
import type { Command, Termination } from './command.ts'
import { childEnvironment } from './environment.ts'
import { signalGroup } from './leftovers.ts'
import { StderrTail } from './stderr-tail.ts'

/** How long a child's stderr may stay open after its exit (held by a grandchild) before its group is killed, ms. */
const closeGraceMs = 10_000

/** What is known of a stage once it closed. */
export interface StageEnd {
  readonly name: string
  readonly command: readonly string[]
  readonly termination: Termination
  readonly ok: boolean
  readonly durationMs: number
  readonly stderr: StderrTail
}

/**
 * One running child: in a process group of its own, dying with this process (`bound.ts`, so only
 * ever from the main thread), its stderr drained.
 */
export class StageProcess {
  readonly command: Command
  readonly record: ChildRecord | undefined
  /** Resolves at `exit`: the process is gone, its streams may not be. */
  readonly exited: Promise<StageEnd>
  /** Resolves at `close`: all of its streams are drained too. Never rejects. */
  readonly closed: Promise<StageEnd>
  readonly #child: ChildProcess | undefined
  readonly #stderr = new StderrTail()
  #closed = false

  /**
   * @param setpriv absolute path of `setpriv`
   * @param stdio stdin, stdout, stderr (always `'pipe'`), and further descriptors
   */
  constructor(
    command: Command,
    setpriv: string,
    stdio: StdioOptions,
    onStderr?: ((chunk: Buffer) => void) | undefined,
  ) {
    this.command = command
    const startedAt = performance.now()
    const exit = Promise.withResolvers<StageEnd>()
    const close = Promise.withResolvers<StageEnd>()
    this.exited = exit.promise
    this.closed = close.promise
    let end: StageEnd | undefined
    const ended = (termination: Termination) => {
      end ??= this.#end(termination, Math.round(performance.now() - startedAt))
      exit.resolve(end)
      return end
    }
    const failedToStart = (thrown: Error) =>
      close.resolve(ended({ kind: 'spawn-failed', reason: thrown.message }))

    let child: ChildProcess
    try {
      const bound = boundToUs(setpriv, command.program, command.args, command.through)
      child = spawn(bound.file, bound.args, {
        stdio,
        env: childEnvironment(command.env),
        detached: true,
      })
    } catch (thrown) {
      failedToStart(thrown as Error)
      return
    }
    this.#child = child
    this.record = child.pid === undefined ? undefined : recordOf(command.name, child.pid)
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr.push(chunk)
      onStderr?.(chunk)
    })
    child.on('error', thrown => {
      if (child.pid === undefined) failedToStart(thrown)
    })
    child.stdin?.on('error', () => {}) // EPIPE: told by the stage's status and by whoever writes
    let lingering: NodeJS.Timeout | undefined
    child.on('exit', (status, signal) => {
      ended(status === null ? { kind: 'signalled', signal: signal ?? 'unknown' } : { kind: 'exited', status })
      lingering = setTimeout(() => {
        this.kill('SIGKILL')
        child.stderr?.destroy()
      }, closeGraceMs)
    })
    child.on('close', (status, signal) => {
      clearTimeout(lingering)
      this.#closed = true
      // Judged again: stderr, which tells a failed start from a failed program, is whole only now.
      const known = ended(
        status === null ? { kind: 'signalled', signal: signal ?? 'unknown' } : { kind: 'exited', status },
      )
      close.resolve(this.#end(known.termination, known.durationMs))
    })
  }

  get stdin(): Writable | undefined {
    return this.#child?.stdin ?? undefined
  }

  get stdout(): Readable | undefined {
    return this.#child?.stdout ?? undefined
  }

  /** Signals the child and all in its process group. */
  kill(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid
    if (pid === undefined || this.#closed) return
    // Once our child was reaped its pid may be another's; what is left of its group keeps the number taken.
    const now = startTimeOf(pid)
    if (now === undefined || now === this.record?.startTime) signalGroup(pid, signal)
  }

  #end(termination: Termination, durationMs: number): StageEnd {
    const { command } = this
    const said = this.#stderr.raw
    const notRun =
      termination.kind === 'exited' &&
      (termination.status === 127 || termination.status === 126) &&
      saysNotStarted(said)
    return {
      name: command.name,
      command: [command.program, ...command.args],
      termination: notRun ? { kind: 'spawn-failed', reason: said.trim() } : termination,
      ok: termination.kind === 'exited' && (command.okStatuses ?? [0]).includes(termination.status),
      durationMs,
      stderr: this.#stderr,
    }
  }
}

/** The error of a stage that ended badly. */
export function stageFailed(end: StageEnd): AppError {
  const { termination } = end
  const how =
    termination.kind === 'exited'
      ? `exited with status ${termination.status}`
      : termination.kind === 'signalled'
        ? `was ended by ${termination.signal}`
        : 'could not be started'
  return new AppError('stage.failed', {
    message: `${end.name} ${how}`,
    context: {
      stage: end.name,
      ...(termination.kind === 'exited' ? { status: termination.status } : {}),
      ...(termination.kind === 'signalled' ? { signal: termination.signal } : {}),
      ...(termination.kind === 'spawn-failed' ? { detail: termination.reason } : {}),
      stderr: end.stderr.text,
    },
  })
}
