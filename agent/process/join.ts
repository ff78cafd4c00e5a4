import { closeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { AppError } from '../../shared/errors/index.ts'
import type { ToolFinder } from '../engines/port.ts'
import type { ChildRecord } from './child-record.ts'
import type { Command } from './command.ts'
import { type KernelPipe, openPipes } from './kernel-pipe.ts'
import { type JoinEnd, RunningPipe } from './running-pipe.ts'
import { StageProcess } from './stage-process.ts'

/** How long children get between SIGTERM and SIGKILL, ms. */
const defaultGraceMs = 5_000

/** One stage of a pipe. */
export interface JoinedStage {
  readonly command: Command
  /** Sees stderr as it comes, e.g. a meter's counts. */
  readonly onStderr?: (chunk: Buffer) => void
  /**
   * Its stdin is a kernel pipe that we keep an eye on: bytes left unread in it are a failure
   * (`stage.bytes-lost`) although every status is 0. Not for the first stage.
   */
  readonly witnessed?: boolean
  /** A child that reads what this stage writes to `/proc/self/fd/3`, e.g. `tail`; its stdout is kept (64 KiB at most). */
  readonly tap?: Command
}

export interface JoinRequest {
  /** In the order the bytes flow. */
  readonly stages: readonly JoinedStage[]
  /** Whether this process writes into the first stage. */
  readonly input: boolean
  /** Whether this process reads the last stage's stdout; else it goes nowhere. */
  readonly output: boolean
  readonly tools: ToolFinder
  /** Ends every stage: SIGTERM, after the grace SIGKILL. */
  readonly signal: AbortSignal
  readonly graceMs?: number
  readonly onChildren?: (records: readonly ChildRecord[]) => void
  /** Seam for tests: awaited between two spawns, where data was once lost (facts-runtime §2). */
  readonly betweenSpawns?: () => Promise<void>
}

export interface JoinedProcesses {
  readonly input: Writable | undefined
  readonly output: Readable | undefined
  /** Resolves when everything is closed, whatever happened; never rejects. */
  readonly ended: Promise<JoinEnd>
  /** Ends every stage; `cause` counts unless there was one before. */
  end(cause: AppError): void
}

/**
 * Joins processes stdout to stdin through the kernel, **consumer first**: each producer is handed the next
 * one's stdin, which is then closed here. Never hand on a stdout: Node reads it from the first moment and
 * swallows the head of the dump while every status is 0. Complete only when all have *closed* with status 0.
 *
 * @throws AppError `tool.missing`, or when the signal was aborted before anything started
 */
export async function joinProcesses(request: JoinRequest): Promise<JoinedProcesses> {
  const { stages, tools, signal } = request
  const setpriv = (await tools.find(['setpriv'])).path
  const pipeCount = stages.filter(stage => stage.witnessed).length + stages.filter(stage => stage.tap).length
  const pipes = pipeCount === 0 ? [] : await openPipes(pipeCount, (await tools.find(['mkfifo'])).path)
  const descriptors = new Descriptors(pipes)
  if (signal.aborted) {
    descriptors.closeAll()
    throw abortCause(signal)
  }
  const pipe = new RunningPipe(request.graceMs ?? defaultGraceMs)
  const onAbort = () => pipe.end(abortCause(signal))
  signal.addEventListener('abort', onAbort, { once: true })

  let next: { readonly fd?: number; readonly stdin?: Writable } | undefined
  for (let index = stages.length - 1; index >= 0 && !pipe.failed; index--) {
    const stage = stages[index]
    if (stage === undefined) continue
    const last = index === stages.length - 1
    const tapPipe = stage.tap === undefined ? undefined : descriptors.take()
    const tap = stage.tap && tapPipe && new StageProcess(stage.tap, setpriv, [tapPipe.reader, 'pipe', 'pipe'])
    if (tapPipe !== undefined) {
      descriptors.close(tapPipe.reader)
      descriptors.close(tapPipe.witness)
    }
    const inPipe = stage.witnessed && index > 0 ? descriptors.take() : undefined
    const stdin = index === 0 ? (request.input ? 'pipe' : 'ignore') : (inPipe?.reader ?? 'pipe')
    const stdout = last ? (request.output ? 'pipe' : 'ignore') : (next?.fd ?? next?.stdin ?? 'ignore')
    const process = new StageProcess(
      stage.command,
      setpriv,
      [stdin, stdout, 'pipe', ...(tapPipe === undefined ? [] : [tapPipe.writer])],
      stage.onStderr,
    )
    // Without these two the next stage never sees the end of its input.
    if (next?.fd !== undefined) descriptors.close(next.fd)
    next?.stdin?.destroy()
    if (tapPipe !== undefined) descriptors.close(tapPipe.writer)
    if (inPipe !== undefined) {
      descriptors.close(inPipe.reader)
      descriptors.forget(inPipe.witness)
    }
    pipe.add(process, { witness: inPipe?.witness, tap })
    next = inPipe === undefined ? { ...(process.stdin && { stdin: process.stdin }) } : { fd: inPipe.writer }
    if (index > 0) await request.betweenSpawns?.()
  }
  // A stage that failed meanwhile ended the pipe; what was not started stays unstarted.
  descriptors.closeAll()
  if (pipe.failed) next?.stdin?.destroy()
  request.onChildren?.(pipe.records)
  return {
    input: request.input ? pipe.first?.stdin : undefined,
    output: request.output ? pipe.last?.stdout : undefined,
    ended: pipe.allClosed().finally(() => signal.removeEventListener('abort', onAbort)),
    end: cause => pipe.end(cause),
  }
}

/** What an aborted signal means as an error. */
export function abortCause(signal: AbortSignal): AppError {
  return signal.reason instanceof AppError
    ? signal.reason
    : new AppError('interrupted', { cause: signal.reason })
}

/** Descriptors still ours to close. */
class Descriptors {
  readonly #pipes: KernelPipe[]
  readonly #open = new Set<number>()

  constructor(pipes: readonly KernelPipe[]) {
    this.#pipes = [...pipes]
    for (const { reader, writer, witness } of pipes)
      for (const fd of [reader, writer, witness]) this.#open.add(fd)
  }

  take(): KernelPipe {
    const pipe = this.#pipes.shift()
    if (pipe === undefined) throw new Error('no pipe left')
    return pipe
  }

  close(fd: number): void {
    if (this.#open.delete(fd)) closeSync(fd)
  }

  /** Someone else closes it from now on. */
  forget(fd: number): void {
    this.#open.delete(fd)
  }

  closeAll(): void {
    for (const fd of [...this.#open]) this.close(fd)
  }
}
