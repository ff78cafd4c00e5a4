import type { Clock } from '../../shared/clock/index.ts'
import type { Duration } from '../../shared/time/index.ts'
import { type ListeningSocket, readListening } from './listening.ts'
import { ownersOf, type SocketOwner } from './socket-owners.ts'
import { type Spoken, speaks } from './speaks.ts'

/** A database server of this host, and where it listens. */
export interface ListeningServer {
  readonly program: string
  readonly sockets: readonly { readonly address: string; readonly port: number }[]
}

/** How often this host's sockets are looked at, ms: all of /proc is gone through. */
const lookEvery: Duration = 60_000
/** More than a host has. */
const mostServers = 32
const mostSockets = 16

const programs: ReadonlySet<string> = new Set(['postgres', 'mysqld', 'mariadbd', 'mongod'])

/** What is asked of the host; none of it rejects. */
export interface ServerSenses {
  listening(): Promise<readonly ListeningSocket[]>
  ownersOf(inodes: ReadonlySet<string>): Promise<ReadonlyMap<string, SocketOwner>>
  speaks(address: string, port: number): Promise<Spoken | undefined>
}

const thisHost: ServerSenses = { listening: readListening, ownersOf, speaks }

/**
 * Knows the database servers that listen on this host, registered or not: by the program a socket belongs to, and
 * where that may not be seen, on ports databases use, by what it speaks. That is asked once for each socket: a
 * server counts clients that come and go.
 */
export class ServerWatch {
  readonly #senses: ServerSenses
  readonly #clock: Clock
  readonly #ports: ReadonlySet<number>
  readonly #exclude: ReadonlySet<number>
  #spoken = new Map<string, Spoken | undefined>()
  #latest: readonly ListeningServer[] = []

  /** @param options.ports those asked what they speak; `exclude`: those never told of */
  constructor(options: {
    readonly clock: Clock
    readonly ports: readonly number[]
    readonly exclude: readonly number[]
    readonly senses?: ServerSenses
  }) {
    this.#clock = options.clock
    this.#ports = new Set(options.ports)
    this.#exclude = new Set(options.exclude)
    this.#senses = options.senses ?? thisHost
  }

  get latest(): readonly ListeningServer[] {
    return this.#latest
  }

  /** Looks once. Never rejects. */
  async look(): Promise<void> {
    const sockets = (await this.#senses.listening()).filter(each => !this.#exclude.has(each.port))
    const owners = await this.#senses.ownersOf(new Set(sockets.map(each => each.inode)))
    const spoken = new Map<string, Spoken | undefined>()
    const servers = new Map<string, { program: string; sockets: { address: string; port: number }[] }>()
    for (const { inode, address, port } of sockets) {
      const owner = owners.get(inode)
      if (owner === undefined && this.#ports.has(port))
        spoken.set(
          inode,
          this.#spoken.has(inode) ? this.#spoken.get(inode) : await this.#senses.speaks(address, port),
        )
      const program = owner?.program ?? spoken.get(inode)
      if (program === undefined || !programs.has(program)) continue
      const key = owner === undefined ? `port ${port}` : `process ${owner.pid}`
      const server = servers.get(key) ?? { program, sockets: [] }
      if (server.sockets.length < mostSockets) server.sockets.push({ address, port })
      servers.set(key, server)
    }
    this.#spoken = spoken
    this.#latest = [...servers.values()].slice(0, mostServers)
  }

  /** Looks until the signal ends it. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look()
      await this.#clock.sleep(lookEvery, signal).catch(() => {})
    }
  }
}
