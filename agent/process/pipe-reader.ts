import { closeSync } from 'node:fs'
import { Socket } from 'node:net'

/** What one read of a pipe can give at most, bytes: its capacity in the kernel. */
const readSize = 64 * 1024

/** Takes bytes that are only lent: copy what is kept. A promise holds the reading up until it resolves. */
export type TakeBytes = (bytes: Buffer) => Promise<void> | undefined

/**
 * Reads our end of a kernel pipe into one buffer that is used again and again. A stream of Node's allocates
 * 64 KiB for every read, and memory outside the heap forces a full garbage collection every 30 to 60 MiB: a
 * quarter of the main thread (docs/architecture/performance.md).
 *
 * Nothing is read before `drain`: what is in the pipe stays there.
 */
export class PipeReader {
  readonly #fd: number
  #socket: Socket | undefined
  #destroyed = false

  /** @param fd a reading end that is ours alone; closed by `drain` or `destroy` */
  constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Hands everything to `take`, in order, until every writer has closed. Rejects when it is destroyed before
   * (whoever did that knows why), or with what `take` threw.
   */
  drain(take: TakeBytes): Promise<void> {
    if (this.#destroyed) return Promise.reject(givenUp())
    return new Promise((resolve, reject) => {
      let busy: Promise<void> | undefined
      const failed = (thrown: unknown) => {
        reject(thrown)
        this.destroy()
      }
      const onBytes = (length: number, buffer: Uint8Array): boolean => {
        try {
          const wait = take(Buffer.from(buffer.buffer, buffer.byteOffset, length))
          if (wait === undefined) return true
          busy = wait.then(() => {
            busy = undefined
            socket.resume()
          }, failed)
        } catch (thrown) {
          failed(thrown)
        }
        return false
      }
      const socket = new Socket({
        fd: this.#fd,
        readable: true,
        writable: false,
        onread: { buffer: Buffer.allocUnsafeSlow(readSize), callback: onBytes },
      })
      this.#socket = socket
      // the last bytes may still be with their taker when the end is seen
      socket.on('close', () => {
        if (this.#destroyed) reject(givenUp())
        else void Promise.resolve(busy).then(() => resolve())
      })
      socket.on('end', () => socket.destroy())
      socket.on('error', () => socket.destroy())
      socket.resume()
    })
  }

  /** Stops at once and closes the pipe, so that its writer ends. Idempotent. */
  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    if (this.#socket === undefined) closeSync(this.#fd)
    else this.#socket.destroy()
  }
}

function givenUp(): Error {
  return new Error('the pipe was closed before its end')
}
