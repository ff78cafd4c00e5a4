import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  freePort,
  type PostgresServer,
  run,
  type S3Server,
  startPostgres,
  startProcess,
  startS3,
  temporaryFolder,
  waitUntil,
} from '../../test/harness/index.ts'
import { type AgentFlags, agentFlags } from './agent-flags.ts'
import { ownChildren } from './cpu.ts'
import { fillScript } from './data/fill.ts'
import { type Bench, type Cost, measured, type Script } from './measured.ts'
import { bucket, type DatabaseName, farLine, type StoreName, shares } from './names.ts'
import { findTools, type Tools } from './tools.ts'

const account = {
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'secretsecret',
  AWS_REGION: 'us-east-1',
}

/** What is laid out for measuring. Everything ends with it. */
export class World implements AsyncDisposable {
  readonly postgres: PostgresServer
  readonly tools: Tools
  readonly flags: AgentFlags
  readonly folder: string
  /** Raw bytes asked for. */
  readonly size: number
  readonly #endpoints: Readonly<Record<StoreName, string>>
  readonly #filled = new Map<DatabaseName, Promise<void>>()
  readonly #stack: AsyncDisposableStack
  readonly #bench: Bench
  readonly #tell: (line: string) => void
  #raw: Promise<{ readonly path: string; readonly stored: string; readonly bytes: number }> | undefined
  #random: Promise<{ readonly path: string; readonly bytes: number }> | undefined
  #named = 0

  private constructor(parts: {
    readonly postgres: PostgresServer
    readonly tools: Tools
    readonly flags: AgentFlags
    readonly folder: string
    readonly size: number
    readonly endpoints: Readonly<Record<StoreName, string>>
    readonly stack: AsyncDisposableStack
    readonly bench: Bench
    readonly tell: (line: string) => void
  }) {
    this.postgres = parts.postgres
    this.tools = parts.tools
    this.flags = parts.flags
    this.folder = parts.folder
    this.size = parts.size
    this.#endpoints = parts.endpoints
    this.#stack = parts.stack
    this.#bench = parts.bench
    this.#tell = parts.tell
  }

  /** Starts the servers; `withS3` only where a case needs the real one. */
  static async open(options: {
    readonly size: number
    readonly withS3: boolean
    readonly signal: AbortSignal
    readonly tell: (line: string) => void
  }): Promise<World> {
    const { size, signal, tell } = options
    await using stack = new AsyncDisposableStack()
    const tools = await findTools(tell)
    signal.throwIfAborted()
    const scratch = stack.use(await temporaryFolder('bench-pipeline'))
    tell('starting PostgreSQL')
    // A quiet server: nothing but the benchmark works in it
    const settings = {
      autovacuum: 'off',
      max_wal_size: '8GB',
      checkpoint_timeout: '1h',
      shared_buffers: '256MB',
      jit: 'off',
    }
    const postgres = stack.use(await startPostgres({ settings }))
    signal.throwIfAborted()
    tell('starting the sink and the line')
    const sinkPort = await startOwn(stack, 'sink', join(import.meta.dirname, 'sink/sink.ts'), [])
    const farPort = await startOwn(stack, 'line', join(import.meta.dirname, 'line/line.ts'), [
      String(sinkPort),
      String(farLine.roundTripMs),
      String(farLine.bytesPerSecond),
    ])
    await fetch(`http://127.0.0.1:${sinkPort}/${bucket}`, { method: 'PUT' })
    let s3: S3Server | undefined
    if (options.withS3) {
      tell('starting the real S3 server')
      signal.throwIfAborted()
      s3 = await startS3({ dedicated: true })
      stack.defer(() => s3?.stop())
      await s3.createBucket(bucket)
    }
    signal.throwIfAborted()
    const storePids = ownChildren().filter(pid => pid !== postgres.pid)
    const flags = await agentFlags(scratch.path)
    return new World({
      postgres,
      tools,
      flags,
      folder: scratch.path,
      size,
      tell,
      endpoints: {
        s3: s3?.endpoint ?? '',
        sink: `http://127.0.0.1:${sinkPort}`,
        far: `http://127.0.0.1:${farPort}`,
      },
      stack: stack.move(),
      bench: { folder: scratch.path, databasePid: postgres.pid, storePids, signal },
    })
  }

  /** Fills a database once; later calls wait for the first. */
  database(name: DatabaseName): Promise<void> {
    let filled = this.#filled.get(name)
    if (filled === undefined) {
      const mib = (this.size / (1 << 20)) * shares[name]
      this.#tell(`filling database ${name}: ${Math.round(mib)} MiB of raw dump`)
      const filling = name === 'mixed' ? 'mixed' : name === 'one_table' ? 'one-table' : 'bulk'
      filled = this.postgres.createDatabase(name).then(async () => {
        await this.measure(fillScript(filling, mib, this.environment('sink', name)))
      })
      this.#filled.set(name, filled)
    }
    return filled
  }

  endpoint(store: StoreName): string {
    return this.#endpoints[store]
  }

  /** Environment of everything measured: login and store, nothing of ours. */
  environment(store: StoreName, database: DatabaseName = 'mixed'): NodeJS.ProcessEnv {
    return {
      ...account,
      AWS_ENDPOINT_URL_S3: this.endpoint(store),
      AWS_CONFIG_FILE: '/dev/null',
      AWS_EC2_METADATA_DISABLED: 'true',
      PATH: `${this.postgres.bin}:${this.tools.path}`,
      HOME: this.folder,
      TMPDIR: this.folder,
      LC_ALL: 'C.UTF-8',
      PGHOST: this.postgres.host,
      PGPORT: String(this.postgres.port),
      PGUSER: this.postgres.user,
      PGPASSFILE: this.postgres.pgpassFile,
      PGDATABASE: database,
    }
  }

  /** The mixed database as one uncompressed dump, and that compressed: files in the page cache. */
  raw(): Promise<{ readonly path: string; readonly stored: string; readonly bytes: number }> {
    this.#raw ??= (async () => {
      await this.database('mixed')
      this.#tell('dumping the mixed database once, for its size')
      const path = join(this.folder, 'raw.dump')
      const stored = `${path}.zst`
      await this.measure({
        text: 'pg_dump -Fc -Z0 > "$1"; zstd -3 -T0 -q "$1" -o "$2"',
        words: [path, stored],
        env: this.environment('sink'),
      })
      return { path, stored, bytes: (await stat(path)).size }
    })()
    return this.#raw
  }

  /** A file of random bytes, half as large as the size asked for. */
  random(): Promise<{ readonly path: string; readonly bytes: number }> {
    this.#random ??= (async () => {
      const path = join(this.folder, 'random')
      const bytes = Math.round(this.size / 2)
      await this.measure({
        text: 'head -c "$2" /dev/urandom > "$1"',
        words: [path, String(bytes)],
        env: this.environment('sink'),
      })
      return { path, bytes }
    })()
    return this.#random
  }

  /** Lets what was written reach the disk, so that the next one is not disturbed by it. */
  async settle(): Promise<void> {
    await this.postgres.psql('CHECKPOINT')
    for (const name of await readdir(this.folder))
      if (name.startsWith('directory-')) await rm(join(this.folder, name), { recursive: true, force: true })
    await run('sync', [])
  }

  /** A key or name that was not used before. */
  fresh(what: string): string {
    return `${what}-${++this.#named}`
  }

  /** Runs a script and counts what it cost. */
  measure(script: Script): Promise<Cost> {
    return measured(script, this.#bench)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

/** Starts a server of ours in a process of its own on a free port, which it takes as its first argument, and waits until it listens. */
async function startOwn(
  stack: AsyncDisposableStack,
  name: string,
  file: string,
  args: readonly string[],
): Promise<number> {
  const port = await freePort()
  const started = stack.use(
    await startProcess(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', file, String(port), ...args],
      { name },
    ),
  )
  await waitUntil(
    async () => {
      if (!started.running) throw new Error(`the ${name} ended`)
      return (await fetch(`http://127.0.0.1:${port}/-/sink`)).ok
    },
    { what: `the ${name} to answer`, timeout: 30_000 },
  )
  return port
}
