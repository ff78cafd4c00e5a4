import { randomUUID } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import type { AttemptRef, Grant } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { abortCause } from '../process/index.ts'

import type { Frame, Send } from './frame.ts'

/**
 * The questions one guarded attempt has open (J11). A question is asked again on every new stream under its
 * own id, so that an answer lost with the old one does not hang the job.
 */
export class Grants {
  readonly #attempt: AttemptRef
  readonly #send: Send
  readonly #open = new Map<string, { readonly frame: Frame; readonly answer: (grant: Grant) => void }>()

  constructor(attempt: AttemptRef, send: Send) {
    this.#attempt = attempt
    this.#send = send
  }

  /** Resolves when granted. @throws AppError `job.grant-refused`, or the signal's cause */
  async ask(action: string, keys: readonly string[], signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortCause(signal)
    const grantId = randomUUID()
    const frame: Frame = {
      $case: 'grantRequest',
      value: { attempt: this.#attempt, grantId, action, keys: [...keys] },
    }
    const { promise, resolve, reject } = Promise.withResolvers<Grant>()
    const onAbort = () => reject(abortCause(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    this.#open.set(grantId, { frame, answer: resolve })
    try {
      this.#send(frame)
      const grant = await promise
      if (!grant.granted)
        throw new AppError('job.grant-refused', { context: { action, reason: grant.reason } })
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#open.delete(grantId)
    }
  }

  /** Takes an answer; one to no open question changes nothing. */
  answer(grant: Grant): void {
    this.#open.get(grant.grantId)?.answer(grant)
  }

  /** Asks what is open again. */
  resend(): void {
    for (const { frame } of this.#open.values()) this.#send(frame)
  }
}
