import type { Duration, Now } from '../time/index.ts'

/** The ambient clock: the only door to time outside the pure rooms. */
export interface Clock {
  now(): Now
  /** Resolves after `duration`, or rejects with the signal's reason when aborted first. */
  sleep(duration: Duration, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. A sleeping timer keeps the process alive only while something else does. */
export const systemClock: Clock = {
  now: () => ({ wall: Date.now(), mono: Math.trunc(performance.now()) }),
  sleep: (duration, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        Math.max(0, duration),
      )
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}
