import { closeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { AppError } from '../../shared/errors/index.ts'
import type { ToolFinder } from '../engines/port.ts'
import type { ChildRecord } from './child-record.ts'
import type { Command } from './command.ts'
import { type KernelPipe, openPipes } from './kernel-pipe.ts'
import { PipeReader } from './pipe-reader.ts'
import { type JoinEnd, RunningPipe, type TapMember } from './running-pipe.ts'
import { StageProcess } from './stage-process.ts'

/** How long children get between SIGTERM and SIGKILL, ms. */
const defaultGraceMs = 5_000

/** One stage of a pipe. */
export interface JoinedStage {
  readonly command: Command
  /** Sees stderr as it comes, e.g. a meter's counts. */
  readonly onStderr?: (chunk: Buffer) => void
  /**
   * A child, or several joined ones, that read what this stage writes to `/proc/self/fd/3`, e.g. `tail`; what
   * the last of them writes is kept (64 KiB at most). The first may leave bytes unread.
   */
  readonly tap?: Command | readonly Command[]
  /** Takes the tap's stdout as it comes, however long; then nothing of it is kept. */
  readonly onTap?: (chunk: Buffer) => void
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
  readonly output: PipeReader | undefined
  /** Resolves when everything is closed, whatever happened; never rejects. */
  readonly ended: Promise<JoinEnd>
  /** Ends every stage; `cause` counts unless there was one before. */
  end(cause: AppError): void
}

/**
 * Joins processes stdout to stdin through kernel pipes, **consumer first**; our copies of both ends are closed
 * as soon as the children have theirs, else the consumer never sees the end. Never hand on a `stdout` of
 * Node's: it reads that from the first moment and swallows the head of the dump while every status is 0.
 *
 * Of each pipe we keep a reading end as a witness: when a reader exits and bytes are still in its pipe, it
 * ended early, whatever its status (`stage.bytes-lost`). With Node's socket pairs up to 200 KiB vanish unseen.
 * Complete only when all have *closed* with status 0.
 *
 * @throws AppError `tool.missing`, or when the signal was aborted before anything started
 */
export async function joinProcesses(request: JoinRequest): Promise<JoinedProcesses> {
  const { stages, tools, signal } = request
  const setpriv = (await tools.find(['setpriv'], [], 'path')).path
  const pipeCount =
    stages.length - (request.output ? 0 : 1) + stages.reduce((sum, stage) => sum + tapsOf(stage).length, 0)
  const pipes = await openPipes(pipeCount, (await tools.find(['mkfifo'], [], 'path')).path)
  const descriptors = new Descriptors(pipes)
  if (signal.aborted) {
    descriptors.closeAll()
    throw abortCause(signal)
  }
  const last = request.output ? descriptors.take() : undefined
  const output = last && new PipeReader(last.reader)
  if (last !== undefined) {
    descriptors.forget(last.reader)
    descriptors.close(last.witness) // we are the reader
  }
  const pipe = new RunningPipe(request.graceMs ?? defaultGraceMs, output)
  const onAbort = () => pipe.end(abortCause(signal))
  signal.addEventListener('abort', onAbort, { once: true })

  let into = last?.writer // the writing end that leads to the stage started before
  for (let index = stages.length - 1; index >= 0 && !pipe.failed; index--) {
    const stage = stages[index]
    if (stage === undefined) continue
    const { taps, intoTap } = startTaps(tapsOf(stage), setpriv, descriptors)
    const from = index === 0 ? undefined : descriptors.take()
    const process = new StageProcess(
      stage.command,
      setpriv,
      [
        from?.reader ?? (request.input ? 'pipe' : 'ignore'),
        into ?? 'ignore',
        'pipe',
        ...(intoTap === undefined ? [] : [intoTap]),
      ],
      stage.onStderr,
    )
    // Without these the stage behind never sees the end of its input.
    for (const fd of [into, intoTap, from?.reader]) if (fd !== undefined) descriptors.close(fd)
    if (from !== undefined) descriptors.forget(from.witness)
    pipe.add(process, { witness: from?.witness, taps, onTap: stage.onTap })
    into = from?.writer
    if (index > 0) await request.betweenSpawns?.()
  }
  // A stage that failed meanwhile ended the pipe; what was not started stays unstarted.
  descriptors.closeAll()
  request.onChildren?.(pipe.records)
  return {
    input: request.input ? pipe.first?.stdin : undefined,
    output,
    ended: pipe.allClosed().finally(() => signal.removeEventListener('abort', onAbort)),
    end: cause => pipe.end(cause),
  }
}

function tapsOf({ tap }: JoinedStage): readonly Command[] {
  return tap === undefined ? [] : 'program' in tap ? [tap] : tap
}

/** Starts the children of a tap, consumer first; gives them in the order the bytes flow, and the end to write to. */
function startTaps(
  commands: readonly Command[],
  setpriv: string,
  descriptors: Descriptors,
): { readonly taps: readonly TapMember[]; readonly intoTap: number | undefined } {
  const taps: TapMember[] = []
  let into: number | undefined
  for (const [index, command] of [...commands.entries()].reverse()) {
    const from = descriptors.take()
    const process = new StageProcess(command, setpriv, [from.reader, into ?? 'pipe', 'pipe'])
    if (into !== undefined) descriptors.close(into)
    descriptors.close(from.reader)
    if (index === 0) descriptors.close(from.witness)
    else descriptors.forget(from.witness)
    taps.unshift({ process, witness: index === 0 ? undefined : from.witness })
    into = from.writer
  }
  return { taps, intoTap: into }
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
