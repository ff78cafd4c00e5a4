import { connect, createServer, type Server } from 'node:net'
import { carry, type Line } from './shape.ts'

/**
 * A proxy that puts a line between its clients and a server on 127.0.0.1. Unlike the harness's fault proxy, whose delay of every
 * chunk caps a connection at a chunk a delay, it keeps many bytes under way, as a long line does.
 */
export function lineServer(port: number, line: Line): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const server = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        if (!one.readableEnded) other.destroy()
      })
      carry(one, other, line)
    }
  })
}
