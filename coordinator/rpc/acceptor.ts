import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'

/**
 * Listening sockets on one port. libuv accepts one connection of each in a turn of the loop, and turns are long when
 * thousands of agents dial at once: a single one took 60 a second of 5,000 that came with 200, and those that found its
 * queue full were reset, to dial again.
 */
const socketsEach = process.platform === 'linux' ? 8 : 1
/** Connections that may wait at each; the system may allow fewer (`net.core.somaxconn`). */
const backlog = 1_024

export interface AcceptorOptions {
  /** An address, or a name: then all its addresses. */
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  readonly onConnection: (socket: Socket) => void
  /** A connection could not be accepted, such as for want of descriptors; others still can. */
  readonly onError: (error: Error) => void
}

export interface Acceptor {
  readonly port: number
  /** Accepts no more; connections that stand are not touched. */
  close(): void
}

/** Accepts the connections of a port, several in a turn of the loop. Rejects as `net.Server.listen` does. */
export async function acceptConnections(options: AcceptorOptions): Promise<Acceptor> {
  const { onConnection, onError } = options
  const servers: Server[] = []
  let { port } = options
  const listen = async (host: string, reusePort: boolean): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection)
    const listening = once(server, 'listening')
    server.listen({ host, port, backlog, reusePort })
    await listening
    port = (server.address() as AddressInfo).port
    return server
  }
  const close = () => {
    for (const server of servers) server.close()
  }
  try {
    for (const host of await addressesOf(options.host)) {
      const first = await listen(host, false)
      if (socketsEach === 1) servers.push(first)
      else {
        // sockets that share a port would share it with a second coordinator, too: the first one asks for it alone
        first.close()
        await once(first, 'close')
        for (let n = 0; n < socketsEach; n++) servers.push(await listen(host, true))
      }
    }
  } catch (thrown) {
    close()
    throw thrown
  }
  for (const server of servers) server.on('error', onError)
  return { port, close }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  return (await lookup(host, { all: true })).map(({ address }) => address)
}
