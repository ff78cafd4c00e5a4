import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Transform, type TransformCallback } from 'node:stream'

/** What goes wrong on the wire; byte counts are per connection and direction. An empty object heals everything. */
export interface WireFault {
  /** Delay of every chunk, in milliseconds. */
  readonly latencyMs?: number
  readonly bytesPerSecond?: number
  /** After this many bytes the connection is reset (RST). */
  readonly resetAfterBytes?: number
  /** After this many bytes the connection is closed cleanly (FIN), as if the peer were done. */
  readonly closeAfterBytes?: number
  /** Connections are accepted, nothing passes. */
  readonly blackHole?: boolean
  /** The byte at this offset is inverted. */
  readonly corruptAt?: number
  /** New connections are reset at once; those that stand go on. */
  readonly refuseNew?: boolean
  /** `up` is from client to server. */
  readonly direction?: 'up' | 'down' | 'both'
}

/** A TCP proxy on 127.0.0.1 with levers. */
export interface FaultProxy extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Bytes that have passed, both directions. */
  readonly bytes: number
  /** Connections open now. */
  readonly connections: number
  set(fault: WireFault): void
  /** Resets every open connection. */
  resetAll(): void
  /** Stops listening (connection refused) and resets what is open. */
  down(): Promise<void>
  /** Listens again on the same port. */
  up(): Promise<void>
  stop(): Promise<void>
}

/** Starts a proxy in front of a TCP server. */
export async function startFaultProxy(target: { host?: string; port: number }): Promise<FaultProxy> {
  const host = '127.0.0.1'
  const sockets = new Set<Socket>()
  let fault: WireFault = {}
  let bytes = 0
  let clients = 0

  const faultOf = (direction: 'up' | 'down'): WireFault => {
    const { direction: faulty = 'both' } = fault
    return faulty === 'both' || faulty === direction ? fault : {}
  }
  const shape = (direction: 'up' | 'down', end: (how: 'reset' | 'close') => void) => {
    let passed = 0
    return new Transform({
      // In a black hole the end of a connection is not seen on the other side either
      flush(done: TransformCallback) {
        if (!faultOf(direction).blackHole) done()
      },
      transform(chunk: Buffer, _encoding, done: TransformCallback) {
        const active = faultOf(direction)
        if (active.blackHole) return done()
        const limit = active.resetAfterBytes ?? active.closeAfterBytes
        if (limit !== undefined && passed + chunk.length > limit) {
          const rest = chunk.subarray(0, Math.max(0, limit - passed))
          passed += chunk.length
          this.push(rest)
          // The callback is never called: nothing more may pass. What was pushed leaves before the connection ends
          setImmediate(() => end(active.resetAfterBytes === undefined ? 'close' : 'reset'))
          return
        }
        const out = invert(chunk, (active.corruptAt ?? -1) - passed)
        passed += chunk.length
        bytes += chunk.length
        const wait =
          (active.latencyMs ?? 0) +
          (active.bytesPerSecond ? (chunk.length / active.bytesPerSecond) * 1_000 : 0)
        if (wait > 0) setTimeout(done, wait, null, out)
        else done(null, out)
      },
    })
  }

  const accept = (client: Socket) => {
    if (fault.refuseNew) {
      client.resetAndDestroy()
      return
    }
    const server = connect({ host: target.host ?? host, port: target.port, allowHalfOpen: true })
    const pair = [client, server]
    clients++
    client.once('close', () => clients--)
    const end = (how: 'reset' | 'close') => {
      for (const socket of pair) how === 'reset' ? socket.resetAndDestroy() : socket.end()
    }
    for (const socket of pair) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => end('reset'))
      socket.on('close', () => {
        sockets.delete(socket)
        // One that ended in order has handed its end on through the pipe, behind what is still under way
        if (!socket.readableEnded) for (const other of pair) other.destroy()
      })
    }
    client.pipe(shape('up', end)).pipe(server)
    server.pipe(shape('down', end)).pipe(client)
  }

  let listener: Server | undefined
  let port = 0
  const up = async () => {
    listener = createServer({ allowHalfOpen: true }, accept)
    listener.listen(port, host)
    await once(listener, 'listening')
    port = (listener.address() as AddressInfo).port
  }
  const resetAll = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const down = async () => {
    if (listener === undefined) return
    const closed = once(listener, 'close')
    listener.close()
    listener = undefined
    resetAll()
    await closed
  }
  await up()
  return {
    host,
    port,
    get bytes() {
      return bytes
    },
    get connections() {
      return clients
    },
    set: next => {
      fault = next
    },
    resetAll,
    down,
    up,
    stop: down,
    [Symbol.asyncDispose]: down,
  }
}

function invert(chunk: Buffer, at: number): Buffer {
  const byte = chunk[at]
  if (byte === undefined) return chunk
  const copy = Buffer.from(chunk)
  copy[at] = byte ^ 0xff
  return copy
}
