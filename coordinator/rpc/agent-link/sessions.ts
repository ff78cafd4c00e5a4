import type { AgentId } from '../../../shared/model/identifiers.ts'
import type { ConnectResponse } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { CancelReason } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { Addressee, AnchorWork, Assignment, Messenger } from '../../operations/messenger.ts'
import type { InstanceRecord } from '../../store/records.ts'
import { anchorTask, assignFrame, attemptRef, watchedInstance } from './to-wire.ts'

export type Frame = NonNullable<ConnectResponse['frame']>

/** One agent's stream, as others see it. */
export interface AgentSession {
  readonly agentId: AgentId
  readonly instanceUuid: string
  readonly bootId: string
  /** Whether frames may be sent: after Welcome, until the end. */
  readonly serving: boolean
  send(frame: Frame): void
  /** A newer Hello took over, or the term ended: the stream ends, its frames count no more. */
  supersede(): void
}

/** Whether a Hello is let in, and whom it replaces. */
export type Admission =
  | { readonly kind: 'admitted'; readonly replaced?: AgentSession }
  | { readonly kind: 'cloned'; readonly by: AgentSession }

const reasons = {
  requested: CancelReason.REQUESTED,
  superseded: CancelReason.SUPERSEDED,
  unknown: CancelReason.UNKNOWN,
} as const

/** The streams there are, one an agent: the newest Hello wins (facts A8). The way messages leave by. */
export class Sessions implements Messenger {
  readonly #sessions = new Map<AgentId, AgentSession>()
  /** What each was last told to watch: the records, and their text. */
  readonly #watched = new Map<
    AgentSession,
    { readonly of: readonly InstanceRecord[]; readonly print: string }
  >()
  readonly #isAlive: (agentId: AgentId) => boolean
  #generation = 0

  /** @param isAlive whether an agent was heard of lately; a silent stream does not make its successor a clone */
  constructor(isAlive: (agentId: AgentId) => boolean) {
    this.#isAlive = isAlive
  }

  /** Lets a session in at once, so that two Hellos at the same time cannot both be first. */
  admit(session: AgentSession): Admission {
    const present = this.#sessions.get(session.agentId)
    if (
      present !== undefined &&
      present.instanceUuid !== session.instanceUuid &&
      this.#isAlive(session.agentId)
    )
      return { kind: 'cloned', by: present }
    this.#sessions.set(session.agentId, session)
    return present === undefined ? { kind: 'admitted' } : { kind: 'admitted', replaced: present }
  }

  /** Forgets a session. False when another one has taken its place. */
  remove(session: AgentSession): boolean {
    this.#watched.delete(session)
    if (this.#sessions.get(session.agentId) !== session) return false
    return this.#sessions.delete(session.agentId)
  }

  isCurrent(session: AgentSession): boolean {
    return this.#sessions.get(session.agentId) === session
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Ends every stream: the term is over, or the process stops. Agents dial again. */
  endAll(): void {
    for (const session of [...this.#sessions.values()]) session.supersede()
    this.#sessions.clear()
    this.#watched.clear()
  }

  assign(to: Addressee, assignment: Assignment): void {
    this.#send(to, { $case: 'assign', value: assignFrame(to, assignment) })
  }

  start(to: Addressee): void {
    this.#send(to, { $case: 'start', value: { attempt: attemptRef(to) } })
  }

  cancel(to: Addressee, reason: 'requested' | 'superseded' | 'unknown'): void {
    this.#send(to, { $case: 'cancel', value: { attempt: attemptRef(to), reason: reasons[reason] } })
  }

  watch(agentId: AgentId, instances: readonly InstanceRecord[]): void {
    const session = this.#sessions.get(agentId)
    if (session === undefined || !session.serving) return
    const told = this.#watched.get(session)
    // most are asked for again and again, and nothing of them changed
    if (told?.of.length === instances.length && told.of.every((each, n) => each === instances[n])) return
    const watched = instances.map(watchedInstance)
    const print = JSON.stringify(watched)
    this.#watched.set(session, { of: instances, print })
    if (told?.print === print) return
    session.send({ $case: 'watch', value: { generation: ++this.#generation, instances: watched } })
  }

  drain(agentId: AgentId, draining: boolean, reason: string): void {
    const session = this.#sessions.get(agentId)
    if (session?.serving) session.send({ $case: 'drain', value: { drain: draining, reason } })
  }

  rate(to: Addressee, bytesPerSecond: number): boolean {
    return this.#send(to, { $case: 'rate', value: { attempt: attemptRef(to), maxRate: bytesPerSecond } })
  }

  anchor(agentId: AgentId, taskId: string, work: AnchorWork): boolean {
    const session = this.#sessions.get(agentId)
    if (session === undefined || !session.serving) return false
    session.send({ $case: 'anchorTask', value: anchorTask(taskId, work) })
    return true
  }

  #send({ attempt }: Addressee, frame: Frame): boolean {
    const session = this.#sessions.get(attempt.agentId)
    if (session === undefined || !session.serving) return false
    session.send(frame)
    return true
  }
}
