import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { AppError, type ErrorCode, type ErrorContext } from '../../../shared/errors/index.ts'
import { abortCause, boundToUs, childEnvironment } from '../../process/index.ts'
import type { EngineContext, FoundTool, InstanceTarget } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { clientFailure, errorLinesOf } from './failure.ts'
import { writeOptionFile } from './option-file.ts'
import { findOwnTool } from './tools.ts'

/** One connection of ours: a client that stays, fed through its stdin. Ends with its first failure. */
export interface MysqlSession {
  /** The client program that runs it. */
  readonly client: FoundTool
  /** Runs one statement and returns the lines it printed. */
  run(sql: string): Promise<readonly string[]>
  /** Runs a statement whose single column is `JSON_OBJECT(…)`: one line a row, whatever the names hold. */
  rows<Row extends object>(sql: string): Promise<readonly Row[]>
  close(): Promise<void>
}

/** How a session behaves. */
export interface SessionOptions {
  /** Milliseconds for one statement, on the server and (10 s more) here; default one minute. */
  readonly statementTimeoutMs?: number
  /** Seconds after which the server ends us when we are silent; default 60. */
  readonly idleTimeoutSeconds?: number
  /** The code for a failure that says nothing we know; default `database.conflict`. */
  readonly fallback?: ErrorCode
  /** Client option: rows as `name: value` lines, for SHOW statements that no JSON can be made of. */
  readonly vertical?: boolean
  /** Lines as bytes, one a character (latin1), in the client's escapes: for text of several character sets. */
  readonly bytes?: boolean
}

const defaultStatementTimeoutMs = 60_000
const defaultIdleTimeoutSeconds = 60
const connectMs = 20_000
const goodbyeMs = 2_000
const stderrKept = 8_192

/**
 * Opens a session. Time-outs are set on the server (P6). The client is of the server's family, reads no other
 * option file than ours, and never reconnects by itself: a lock must not be lost unseen.
 */
export async function openSession(
  target: InstanceTarget,
  dialect: Dialect,
  context: EngineContext,
  options: SessionOptions = {},
): Promise<MysqlSession> {
  if (context.signal.aborted) throw abortCause(context.signal)
  const client = await findOwnTool(dialect, dialect.client, context)
  const setpriv = await context.tools.find(['setpriv'], [], 'path')
  const file = await writeOptionFile(target, dialect, context, 'client')
  const layout =
    options.vertical === true
      ? ['--vertical']
      : ['--batch', ...(options.bytes === true ? [] : ['--raw']), '--skip-column-names']
  const args = [`--defaults-file=${file}`, ...layout, '--binary-mode', '--unbuffered', '--skip-reconnect']
  const bound = boundToUs(setpriv.path, client.path, args)
  const child = spawn(bound.file, bound.args, {
    env: childEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const session = new ClientSession(child, client, context.signal, options, {
    host: target.host,
    port: target.port,
    user: target.user,
  })
  try {
    await session.start(dialect, target.tls === 'require' && !target.host.startsWith('/'))
    return session
  } catch (thrown) {
    await session.close()
    throw thrown
  } finally {
    await rm(file, { force: true })
  }
}

/** Does `work` on a session that is closed afterwards, whatever happens. */
export async function withSession<T>(
  target: InstanceTarget,
  dialect: Dialect,
  context: EngineContext,
  options: SessionOptions,
  work: (session: MysqlSession) => Promise<T>,
): Promise<T> {
  const session = await openSession(target, dialect, context, options)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

interface Pending {
  readonly marker: string
  readonly lines: string[]
  resolve(lines: readonly string[]): void
  reject(failure: AppError): void
}

class ClientSession implements MysqlSession {
  readonly client: FoundTool
  readonly #child: ChildProcessWithoutNullStreams
  readonly #signal: AbortSignal
  readonly #options: SessionOptions
  readonly #context: ErrorContext
  readonly #closed: Promise<void>
  readonly #onAbort: () => void
  #pending: Pending | undefined
  #stderr = ''
  #ended: AppError | undefined

  constructor(
    child: ChildProcessWithoutNullStreams,
    client: FoundTool,
    signal: AbortSignal,
    options: SessionOptions,
    context: ErrorContext,
  ) {
    this.#child = child
    this.client = client
    this.#signal = signal
    this.#options = options
    this.#context = context
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-stderrKept)
    })
    // Lines end at a line feed and nowhere else: a name may hold what `readline` takes for a line end.
    let rest = ''
    child.stdout.setEncoding(options.bytes === true ? 'latin1' : 'utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#onLine(line)
    })
    // The statement that was being written when the client died; its death is told by 'close'.
    child.stdin.on('error', () => undefined)
    this.#closed = new Promise(resolve => {
      child.on('error', () => {
        this.#end()
        resolve()
      })
      child.on('close', () => {
        this.#end()
        resolve()
      })
    })
    this.#onAbort = () => child.kill('SIGKILL')
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Logs in and sets the time-outs. */
  async start(dialect: Dialect, demandTls: boolean): Promise<void> {
    const statementTimeout = this.#options.statementTimeoutMs ?? defaultStatementTimeoutMs
    const idle = this.#options.idleTimeoutSeconds ?? defaultIdleTimeoutSeconds
    await this.#ask('DO 0', connectMs, 'database.unreachable')
    await this.run(`SET SESSION wait_timeout = ${idle}, SESSION lock_wait_timeout = 5`)
    await this.run(dialect.statementTimeout(statementTimeout))
    if (!demandTls) return
    // Some clients take their own option for a wish and go on in plain text.
    const cipher = await this.run("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    if (!/\S+\s+\S+/.test(cipher.join('\n').replace(/^\*.*$/gm, '')))
      throw new AppError('database.tls-failed', {
        context: { ...this.#context, detail: 'the server has no TLS' },
      })
  }

  async run(sql: string): Promise<readonly string[]> {
    const limit = this.#options.statementTimeoutMs ?? defaultStatementTimeoutMs
    return this.#ask(sql, limit + 10_000, this.#options.fallback ?? 'database.conflict')
  }

  async rows<Row extends object>(sql: string): Promise<readonly Row[]> {
    return (await this.run(sql)).map(line => JSON.parse(line) as Row)
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), goodbyeMs)
    await this.#closed
    clearTimeout(timer)
  }

  async #ask(sql: string, limitMs: number, fallback: ErrorCode): Promise<readonly string[]> {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#pending !== undefined) throw new AppError('internal', { message: 'one statement at a time' })
    const marker = `holdfast-${randomBytes(9).toString('hex')}`
    const timer = setTimeout(() => {
      this.#fail(
        new AppError('database.unreachable', { context: { ...this.#context, detail: 'no answer in time' } }),
      )
      this.#child.kill('SIGKILL')
    }, limitMs)
    try {
      return await new Promise<readonly string[]>((resolve, reject) => {
        this.#pending = {
          marker,
          lines: [],
          resolve,
          reject: failure => reject(this.#named(failure, fallback)),
        }
        this.#child.stdin.write(`${sql};\nSELECT '${marker}' AS marker;\n`)
      })
    } finally {
      clearTimeout(timer)
      this.#pending = undefined
    }
  }

  #onLine(line: string): void {
    const pending = this.#pending
    if (pending === undefined) return
    if (line === pending.marker || line.trim() === `marker: ${pending.marker}`) pending.resolve(pending.lines)
    else pending.lines.push(line)
  }

  /** The client has gone: because we asked, because of an abort, or with an error on stderr. */
  #end(): void {
    this.#fail(
      this.#signal.aborted
        ? abortCause(this.#signal)
        : (clientFailure(this.#stderr, this.#context) ??
            new AppError('internal', { context: { ...this.#context, detail: errorLinesOf(this.#stderr) } })),
    )
  }

  #fail(failure: AppError): void {
    this.#ended ??= failure
    this.#pending?.reject(failure)
  }

  /** A failure of no known number takes the code that the caller's work suggests. */
  #named(failure: AppError, fallback: ErrorCode): AppError {
    return failure.code === 'internal' ? new AppError(fallback, { context: failure.context }) : failure
  }
}
