import { AppError } from '../../shared/errors/index.ts'
import type { ChildRecord } from './child-record.ts'
import { unreadBytes } from './kernel-pipe.ts'
import type { PipeReader } from './pipe-reader.ts'
import { type StageEnd, type StageProcess, stageFailed } from './stage-process.ts'

/** How long after a broken pipe the reader's own exit is waited for, since that is the cause, ms. */
const settleMs = 100
/** The most that is kept of what a tap writes, bytes. */
const largestTap = 64 * 1024

/** How a tool says that its reader is gone: EPIPE, or ECONNRESET when bytes were left unread. */
const brokenPipeWords = /broken pipe|connection reset by peer/i

/** How the whole pipe ended. */
export interface JoinEnd {
  /** Stages in the order the bytes flow, taps after their stage. */
  readonly stages: readonly StageEnd[]
  /** What each stage's tap wrote, by stage name. */
  readonly taps: ReadonlyMap<string, Buffer>
  /** Why it failed, the first cause; absent when every stage closed well and nothing was left unread. */
  readonly cause?: AppError
}

/** One child of a tap. */
export interface TapMember {
  readonly process: StageProcess
  /** Of the pipe it reads; absent where it may leave bytes unread. */
  readonly witness: number | undefined
}

interface Member {
  readonly process: StageProcess
  readonly taps: readonly TapMember[]
}

/** Stages that run, and the first cause that ends them all. */
export class RunningPipe {
  readonly #graceMs: number
  readonly #output: PipeReader | undefined
  readonly #members: Member[] = [] // consumer first, as they were started
  readonly #tapped = new Map<string, Buffer>()
  readonly #witnessed: Promise<void>[] = []
  readonly #failures: { readonly error: AppError; readonly brokenPipe: boolean }[] = []
  #terminated = false

  /**
   * @param graceMs between SIGTERM and SIGKILL
   * @param output our end behind the last stage
   */
  constructor(graceMs: number, output?: PipeReader) {
    this.#graceMs = graceMs
    this.#output = output
  }

  get failed(): boolean {
    return this.#failures.length > 0
  }

  get first(): StageProcess | undefined {
    return this.#members.at(-1)?.process
  }

  get records(): readonly ChildRecord[] {
    return this.#everything().flatMap(({ record }) => (record === undefined ? [] : [record]))
  }

  /** Takes a started stage, the producer of the one taken before. */
  add(
    process: StageProcess,
    {
      witness,
      taps,
      onTap,
    }: {
      readonly witness: number | undefined
      readonly taps: readonly TapMember[]
      readonly onTap?: ((chunk: Buffer) => void) | undefined
    },
  ): void {
    const reader = this.first
    this.#members.push({ process, taps })
    void process.exited.then(end => this.#judge(end, reader))
    for (const tap of taps) {
      void tap.process.exited.then(end => this.#judgeTap(end))
      if (tap.witness !== undefined) this.#witnessed.push(this.#watch(tap.process, tap.witness))
    }
    const last = taps.at(-1)
    if (last !== undefined) this.#keep(last.process, process.command.name, onTap)
    if (witness !== undefined) this.#witnessed.push(this.#watch(process, witness))
  }

  /** Ends everything; the first cause wins. */
  end(error: AppError): void {
    this.#fail(error, false)
    this.#terminate()
  }

  /** Resolves when everything is closed. */
  async allClosed(): Promise<JoinEnd> {
    const stages = await Promise.all(
      this.#members
        .toReversed()
        .flatMap(membersOf)
        .map(process => process.closed),
    )
    await Promise.all(this.#witnessed)
    // A writer that lost its reader is a consequence; whoever failed otherwise is the cause.
    const first = (this.#failures.find(failure => !failure.brokenPipe) ?? this.#failures[0])?.error
    // Noticed at exit, but only at close is stderr whole.
    const whole = stages.find(end => !end.ok && first?.context['stage'] === end.name)
    const cause = whole !== undefined && first?.code === 'stage.failed' ? stageFailed(whole) : first
    return { stages, taps: this.#tapped, ...(cause && { cause }) }
  }

  #everything(): readonly StageProcess[] {
    return this.#members.flatMap(membersOf)
  }

  #keep(tap: StageProcess, name: string, onTap: ((chunk: Buffer) => void) | undefined): void {
    const kept: Buffer[] = []
    let size = 0
    tap.stdout?.on('data', (chunk: Buffer) => {
      if (onTap !== undefined) return onTap(chunk)
      size += chunk.length
      if (size <= largestTap) kept.push(chunk)
    })
    this.#witnessed.push(tap.closed.then(() => void this.#tapped.set(name, Buffer.concat(kept))))
  }

  #judge(end: StageEnd, reader: StageProcess | undefined): void {
    if (end.ok || this.#terminated) return
    const killed = end.termination.kind === 'signalled' && end.termination.signal === 'SIGPIPE'
    if (killed || brokenPipeWords.test(end.stderr.raw)) {
      this.#fail(killed ? stoppedReading(end, reader) : stageFailed(end), true)
      setTimeout(() => this.#terminate(), settleMs)
    } else this.end(stageFailed(end))
  }

  /** A tap that cannot read what a failed stage left unfinished is a consequence of it. */
  #judgeTap(end: StageEnd): void {
    if (end.ok || this.#terminated) return
    this.#fail(stageFailed(end), true)
    setTimeout(() => this.#terminate(), settleMs)
  }

  async #watch(process: StageProcess, witness: number): Promise<void> {
    const end = await process.exited
    const unread = unreadBytes(witness)
    // A grandchild may hold the writing end: once all of ours are gone that must not be waited for.
    void Promise.all(this.#everything().map(({ exited }) => exited)).then(() => {
      setTimeout(unread.close, this.#graceMs).unref()
    })
    const bytes = await unread.bytes
    if (bytes > 0 && end.ok) this.end(leftUnread(end, bytes))
  }

  #fail(error: AppError, brokenPipe: boolean): void {
    if (!this.#terminated) this.#failures.push({ error, brokenPipe })
  }

  #terminate(): void {
    if (this.#terminated) return
    this.#terminated = true
    const everything = this.#everything()
    // Signalled before their input ends: a consumer must not take a broken stream for a whole one.
    for (const process of everything) process.kill('SIGTERM')
    this.first?.stdin?.destroy()
    this.#output?.destroy()
    const force = setTimeout(() => {
      for (const process of everything) process.kill('SIGKILL')
    }, this.#graceMs)
    void Promise.all(everything.map(process => process.closed)).then(() => clearTimeout(force))
  }
}

function membersOf({ process, taps }: Member): readonly StageProcess[] {
  return [process, ...taps.map(tap => tap.process)]
}

function stoppedReading(writer: StageEnd, reader: StageProcess | undefined): AppError {
  const name = reader?.command.name ?? 'the reader'
  return new AppError('stage.bytes-lost', {
    message: `${name} stopped reading before ${writer.name} had ended`,
    context: { stage: writer.name, reader: name, stderr: writer.stderr.text },
  })
}

function leftUnread(end: StageEnd, bytes: number): AppError {
  return new AppError('stage.bytes-lost', {
    message: `${end.name} ended without reading all of its input`,
    context: { stage: end.name, unread_bytes_at_least: bytes, stderr: end.stderr.text },
  })
}
