import { abortCause } from '../../process/index.ts'

/** Waits for something that never rejects. @throws the signal's cause when that comes first */
export async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw abortCause(signal)
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(abortCause(signal))
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
