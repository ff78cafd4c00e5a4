import type { Readable, Writable } from 'node:stream'

/** A line to somewhere far: what one connection gets. */
export interface Line {
  /** There and back, milliseconds. */
  readonly roundTripMs: number
  /** Each way. */
  readonly bytesPerSecond: number
}

interface InFlight {
  readonly chunk: Buffer
  /** When its last byte arrives, on the monotonic clock, ms. */
  readonly at: number
}

/**
 * Carries one direction of a connection as a line would: bytes leave at its rate, arrive half a round trip later,
 * and many are under way at once. At most a round trip's worth beyond that is taken from the sender ahead of
 * time. The first bytes also wait for the handshake that loopback does not have.
 */
export function carry(from: Readable, to: Writable, line: Line): void {
  const window = Math.max(256 << 10, line.bytesPerSecond * (line.roundTripMs / 1_000) * 2)
  const queue: InFlight[] = []
  let queued = 0
  let free = performance.now() + line.roundTripMs
  let timer: NodeJS.Timeout | undefined
  let blocked = false
  let ended = false

  const deliver = () => {
    timer = undefined
    const now = performance.now()
    for (let head = queue[0]; head !== undefined && head.at <= now && !blocked; head = queue[0]) {
      queue.shift()
      queued -= head.chunk.length
      if (!to.write(head.chunk)) {
        blocked = true
        to.once('drain', () => {
          blocked = false
          deliver()
        })
      }
    }
    if (queued < window && from.isPaused()) from.resume()
    const next = queue[0]
    if (next !== undefined) {
      if (!blocked && timer === undefined) timer = setTimeout(deliver, Math.max(0, next.at - now))
    } else if (ended && !blocked) to.end()
  }
  from.on('data', (chunk: Buffer) => {
    free = Math.max(free, performance.now()) + (chunk.length / line.bytesPerSecond) * 1_000
    queue.push({ chunk, at: free + line.roundTripMs / 2 })
    queued += chunk.length
    if (queued >= window) from.pause()
    timer ??= setTimeout(deliver, Math.max(0, (queue[0]?.at ?? 0) - performance.now()))
  })
  from.on('end', () => {
    ended = true
    deliver()
  })
  to.on('close', () => clearTimeout(timer))
}
