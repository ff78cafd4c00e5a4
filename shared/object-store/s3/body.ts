import type { Readable } from 'node:stream'
import { AppError } from '../../errors/index.ts'
import { throwIfAborted } from '../retry.ts'

/**
 * Chunks of a response body as they come; a body that stands still for `idleMs` is broken off. The stream is
 * destroyed whenever the reader stops, so that its connection does not linger.
 */
export async function* bodyChunks(
  body: Readable,
  idleMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const onAbort = () => body.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
  signal?.addEventListener('abort', onAbort, { once: true })
  let timer: NodeJS.Timeout | undefined
  const watch = () => {
    clearTimeout(timer)
    timer = setTimeout(
      () => body.destroy(new AppError('object-store.unreachable', { context: { idle_ms: idleMs } })),
      idleMs,
    )
  }
  try {
    watch()
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      clearTimeout(timer) // the consumer may take its time
      yield chunk
      watch()
    }
    throwIfAborted(signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    body.destroy()
  }
}
