import { AppError } from '../../shared/errors/index.ts'
import type { WriteTx } from '../store/port.ts'
import { type Term, write } from './term.ts'

/**
 * Runs a mutation once for its request id: the same id gives the same answer again, whatever became of the
 * first reply. The answer is kept in the mutation's own transaction.
 *
 * @param kind keeps ids of different verbs apart
 * @throws AppError `request.invalid` without an id, `conflict` when the id was used for something else
 */
export async function once<T extends object>(
  term: Term,
  kind: string,
  requestId: string,
  asked: object,
  step: (tx: WriteTx) => Promise<T>,
): Promise<T> {
  if (requestId === '' || requestId.length > 200)
    throw new AppError('request.invalid', {
      message: 'request_id: is missing',
      context: { field: 'request_id', expected: 'a fresh id for each thing you want done' },
    })
  const question = JSON.stringify({ kind, ...asked })
  return write(term, kind, async tx => {
    const known = await tx.requests.get(requestId)
    if (known !== undefined) {
      const before = JSON.parse(known) as { question: string; answer: T }
      if (before.question !== question)
        throw new AppError('conflict', {
          message: 'this request id was used for another request',
          context: { request_id: requestId },
        })
      return before.answer
    }
    const answer = await step(tx)
    await tx.requests.put(requestId, term.clock.now().wall, JSON.stringify({ question, answer }))
    return answer
  })
}
