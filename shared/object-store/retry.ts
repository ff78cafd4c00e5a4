import { AppError } from '../errors/index.ts'

/** How often and how patiently one operation is tried. */
export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number
  /** Shortest and longest wait between two tries, ms. */
  readonly baseMs: number
  readonly capMs: number
}

/** Outlasts a store that restarts: about a minute of waiting in all. */
export const patient: RetryPolicy = { attempts: 12, baseMs: 100, capMs: 10_000 }
/** For questions a person waits for. */
export const brief: RetryPolicy = { attempts: 3, baseMs: 100, capMs: 1_000 }

/** An error of one try, and whether another can help. */
export interface Judged {
  readonly error: AppError
  readonly retryable: boolean
  /** What the store itself asked for, ms. */
  readonly retryAfterMs?: number
  /** The credentials have expired: they are asked for again before the next try. */
  readonly expired?: true
}

/**
 * Tries `work` until it succeeds, with decorrelated jitter between tries: each wait is drawn between the base
 * and three times the last one, so that streams that failed together do not come back together.
 *
 * @param judge turns what was thrown into an error of ours
 * @throws AppError of the last try, `attempts` in its context; the signal's cause when aborted
 */
export async function withRetries<T>(
  work: (attempt: number) => Promise<T>,
  judge: (thrown: unknown) => Judged,
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
): Promise<T> {
  let waitMs = policy.baseMs
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal)
    try {
      return await work(attempt)
    } catch (thrown) {
      throwIfAborted(signal)
      const { error, retryable, retryAfterMs } = judge(thrown)
      if (!retryable || attempt >= policy.attempts) throw attempt === 1 ? error : counted(error, attempt)
      waitMs = Math.min(policy.capMs, policy.baseMs + Math.random() * (waitMs * 3 - policy.baseMs))
      await sleep(Math.max(waitMs, Math.min(retryAfterMs ?? 0, policy.capMs)), signal)
    }
  }
}

/** Rejects with what the signal was aborted for. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw signal.reason instanceof AppError
    ? signal.reason
    : new AppError('interrupted', { cause: signal.reason })
}

function counted(error: AppError, attempts: number): AppError {
  return new AppError(error.code, {
    message: error.message,
    hint: error.traits.hint,
    context: { ...error.context, attempts },
    cause: error.cause,
  })
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}
