import type { OutboxRecord } from '../store/records.ts'

/**
 * Whether a message may have reached its channel is kept in `lastError`'s first words: a try without an answer
 * (a time-out, a reset, a crash of ours in between) may have been taken. Only what surely never arrived may be
 * cancelled against its `resolved`.
 */
const surelyNot = 'not delivered: '
const perhaps = 'perhaps delivered: '

/** Whether any try of this message may have been taken by the receiver. */
export function mayHaveArrived(message: OutboxRecord): boolean {
  return message.attempts > 0 && !(message.lastError ?? '').startsWith(surelyNot)
}

/** The message as written before it is sent: should we die now, nobody knows whether it arrived. */
export function claimed(message: OutboxRecord, until: number): OutboxRecord {
  return {
    ...message,
    attempts: message.attempts + 1,
    nextAttemptAt: until,
    lastError: `${perhaps}sent, no answer yet`,
  }
}

/** What is kept of a try that failed. `definite`: the receiver surely did not take it, nor any try before. */
export function errorText(error: string, definite: boolean): string {
  return (definite ? surelyNot : perhaps) + error
}
