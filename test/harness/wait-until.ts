import { setTimeout as pause } from 'node:timers/promises'

/** What is waited for (it stands in the error), and for how long, in milliseconds. */
export interface WaitOptions {
  readonly what: string
  readonly timeout?: number
  readonly interval?: number
}

type Truthy<T> = T & Exclude<T, false | null | undefined | 0 | '' | 0n>

/**
 * Polls until the condition gives a truthy value, and returns it.
 * A condition that throws has not come true yet; its last error is the cause of the timeout's error.
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Truthy<T>> {
  const { what, timeout = 10_000, interval = 20 } = options
  const deadline = performance.now() + timeout
  let lastError: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value) return value as Truthy<T>
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() >= deadline) {
      throw new Error(`timed out after ${timeout} ms waiting for ${what}`, { cause: lastError })
    }
    await pause(interval)
  }
}
