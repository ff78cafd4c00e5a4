import { randomUUID } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'

/** What a keeper answered, all chunks together. */
export interface AnchorAnswer {
  /** What lies below the prefix asked for; empty after a write. */
  readonly keys: readonly string[]
}

/** One chunk of an answer. */
export interface AnchorReply {
  readonly taskId: string
  readonly failure?: AppError
  readonly keys: readonly string[]
  readonly last: boolean
}

/** Anchors of a hundred years, hourly: more is no answer but a flood. */
const mostKeys = 1_000_000

interface Waiting {
  readonly agentId: AgentId
  readonly keys: string[]
  readonly settled: PromiseWithResolvers<AnchorAnswer>
}

/** What keepers were asked of anchors and did not answer yet: memory only, asked again when lost. */
export class AnchorTasks {
  /** The row anchored last in this term; 0: none yet. */
  anchoredSeq = 0
  readonly #waiting = new Map<string, Waiting>()

  /**
   * @param send says it; false when nobody listens
   * @throws AppError of the keeper, `audit.no-keeper` when it is gone or says nothing until the signal
   */
  async ask(send: (taskId: string) => boolean, agentId: AgentId, signal: AbortSignal): Promise<AnchorAnswer> {
    const taskId = randomUUID()
    const settled = Promise.withResolvers<AnchorAnswer>()
    const gone = () =>
      settled.reject(new AppError('audit.no-keeper', { message: 'the keeper did not answer in time' }))
    this.#waiting.set(taskId, { agentId, keys: [], settled })
    signal.addEventListener('abort', gone, { once: true })
    try {
      if (signal.aborted || !send(taskId)) gone()
      return await settled.promise
    } finally {
      signal.removeEventListener('abort', gone)
      this.#waiting.delete(taskId)
    }
  }

  /** Takes in a reply. False for one that was not asked of this agent, or comes too late. */
  take(agentId: AgentId, reply: AnchorReply): boolean {
    const waiting = this.#waiting.get(reply.taskId)
    if (waiting === undefined || waiting.agentId !== agentId) return false
    const { keys, settled } = waiting
    if (reply.failure !== undefined) settled.reject(reply.failure)
    else if (keys.length + reply.keys.length > mostKeys) settled.reject(new AppError('link.too-large'))
    else {
      for (const key of reply.keys) keys.push(key)
      if (reply.last) settled.resolve({ keys })
    }
    return true
  }
}
