import { AppError } from '../../../shared/errors/index.ts'
import type { AgentId } from '../../../shared/model/identifiers.ts'
import { failureFromWire } from '../../../shared/wire/failure.ts'
import {
  AckDisposition,
  type AnchorReply,
  type ConnectRequest,
  type GrantRequest,
  type Heartbeat,
  type Inventory,
  type Progress,
  type Result,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { InventoryAssembly } from '../../fleet/inventory-assembly.ts'
import { attemptOf } from '../../jobs/index.ts'
import { grant } from '../../operations/grant.ts'
import { recordInventory } from '../../operations/record-inventory.ts'
import { recordResult } from '../../operations/record-result.ts'
import {
  type NamedAttempt,
  type Reported,
  reportAccepted,
  reportDeclined,
  reportUpload,
} from '../../operations/report-attempt.ts'
import { settleHeartbeat } from '../../operations/settle-running.ts'
import type { Term } from '../../operations/term.ts'
import { doubtText, type HostClaim } from '../../planner/host-claim.ts'
import {
  hostClaim,
  inventoryChunk,
  listeningServers,
  namedAttempt,
  reportedResult,
  runningRefs,
} from './from-wire.ts'
import type { Link } from './link.ts'
import type { AgentSession } from './sessions.ts'

type AgentFrame = NonNullable<ConnectRequest['frame']>

/** Who sent a frame, and in what it is taken. */
export interface FrameContext {
  readonly agentId: AgentId
  readonly session: AgentSession & { readonly assembly: InventoryAssembly }
  readonly term: Term
  readonly link: Link
}

/**
 * Takes one frame of a stream that said Hello. Only a store or a leadership that is gone ends the stream, so that
 * the agent dials the one who leads; a frame that cannot be taken is counted and logged, and harms nobody else.
 */
export async function takeFrame(frame: AgentFrame, context: FrameContext): Promise<void> {
  try {
    await dispatch(frame, context)
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (error.code === 'store.unavailable' || error.code === 'leader.deposed' || error.code === 'leader.none')
      throw error
    context.link.counts.refused('failed')
    context.link.log.error('a frame could not be taken', {
      frame: frame.$case,
      agent_id: context.agentId,
      error: thrown,
    })
  }
}

function dispatch(frame: AgentFrame, context: FrameContext): Promise<void> | void {
  switch (frame.$case) {
    case 'heartbeat':
      return takeHeartbeat(frame.value, context)
    case 'inventory':
      return takeInventory(frame.value, context)
    case 'accepted':
      return forAttempt(frame.value.attempt, context, (named, { agentId, term }) =>
        reportAccepted(agentId, named, term),
      )
    case 'declined': {
      const { attempt, failure } = frame.value
      const why = failure === undefined ? new AppError('job.declined').toFailure() : failureFromWire(failure)
      return forAttempt(attempt, context, (named, { agentId, term }) =>
        reportDeclined(agentId, named, why, term),
      )
    }
    case 'uploadOpened': {
      const { attempt, attemptPrefix, destination } = frame.value
      return forAttempt(attempt, context, (named, { agentId, term }) =>
        reportUpload(agentId, named, { attemptPrefix, destination }, term),
      )
    }
    case 'uploadClosed':
      // the prefix is what a keeper needs; single uploads are the agent's journal to know
      return
    case 'progress':
      return takeProgress(frame.value, context)
    case 'grantRequest':
      return takeGrantRequest(frame.value, context)
    case 'result':
      return takeResult(frame.value, context)
    case 'anchorReply':
      return takeAnchorReply(frame.value, context)
    case 'goodbye':
      context.link.log.info('agent says goodbye', {
        agent_id: context.agentId,
        reason: frame.value.reason.slice(0, 200),
      })
      return
    case 'hello':
      return
  }
}

async function takeHeartbeat(beat: Heartbeat, context: FrameContext): Promise<void> {
  const { agentId, term } = context
  const { refs, malformed } = runningRefs(beat.running, agentId)
  if (malformed > 0) refuse(context, 'malformed-ids', 'heartbeat')
  term.live.heartbeat(agentId, {
    running: refs,
    spooledResults: beat.spooledResults,
    load1: beat.load1,
    memoryAvailableBytes: beat.memoryAvailableBytes,
    drainTaken: beat.draining,
  })
  if (beat.resources !== undefined) noteHost(hostClaim(beat.resources), context)
  term.live.noteListening(agentId, listeningServers(beat.listening), term.clock.now().wall)
  if (beat.sentAt > 0) term.live.noteClock(agentId, term.clock.now().wall - beat.sentAt)
  await settleHeartbeat(refs, term)
}

/** What cannot be is clamped, never refused; people and the audit are told once of each. */
function noteHost(claim: HostClaim, { agentId, term, link }: FrameContext): void {
  const at = term.clock.now().wall
  for (const doubt of term.live.noteHost(agentId, claim, at)) {
    link.log.warn('an agent claims what cannot be of its host', {
      agent_id: agentId,
      what: doubt.what,
      said: doubt.said,
      taken: doubt.taken,
    })
    link.counts.refused('capacity')
    link.refused(`agent:${agentId}`, 'capacity', doubtText(doubt), at)
  }
}

async function takeInventory(wire: Inventory, context: FrameContext): Promise<void> {
  const { agentId, term, session, link } = context
  const chunk = inventoryChunk(wire)
  if (chunk === undefined) return refuse(context, 'malformed-ids', wire.instanceId.slice(0, 64))
  const assembled = session.assembly.take(chunk)
  if (assembled.kind === 'more') return
  if (assembled.kind === 'refused') {
    refuse(context, assembled.reason, chunk.instanceId)
    // what is known stays; why nothing new comes is shown on the instance
    const failure = new AppError('link.too-large', {
      message: 'the inventory of this instance was refused',
      context: { reason: assembled.reason },
    }).toFailure()
    await recordInventory(agentId, { instanceId: chunk.instanceId, databases: [], failure }, term)
    link.fleetChanged()
    return
  }
  const taken = await recordInventory(agentId, assembled.inventory, term)
  if (taken.kind === 'refused') return refuse(context, taken.reason, chunk.instanceId)
  link.fleetChanged()
  term.wakePlanner()
}

async function forAttempt(
  ref: Result['attempt'],
  context: FrameContext,
  report: (named: NamedAttempt, context: FrameContext) => Promise<Reported>,
): Promise<void> {
  const named = namedAttempt(ref)
  if (named === undefined) return refuse(context, 'malformed-ids', '')
  const reported = await report(named, context)
  if (reported.kind === 'taken') return
  context.link.counts.refused(reported.reason)
  if (reported.foreign) refuse(context, reported.reason, named.attemptId)
}

function takeProgress({ attempt, report }: Progress, context: FrameContext): void {
  const { agentId, term } = context
  const named = namedAttempt(attempt)
  if (named === undefined || report === undefined) {
    refuse(context, 'malformed-ids', '')
    return
  }
  const job = term.jobs.ofAttempt(named.jobId, named.attemptId)
  const current = job === undefined ? undefined : attemptOf(job.state)
  if (current === undefined || current.epoch !== named.epoch) {
    // late progress of an attempt that is over is no offence, just old
    context.link.counts.refused('stale-progress')
    return
  }
  if (current.agentId !== agentId) {
    refuse(context, 'attempt-of-another-agent', named.attemptId)
    return
  }
  term.views.report(named.jobId, named.attemptId, {
    stage: report.stage.slice(0, 64),
    rawBytes: report.rawBytes,
    storedBytes: report.storedBytes,
    predictedRawBytes: report.predictedRawBytes,
    bytesPerSecond: report.bytesPerSecond,
    remainingMs: report.remainingMs,
    retries: report.retries,
    at: term.clock.now().wall,
  })
}

async function takeGrantRequest(wire: GrantRequest, context: FrameContext): Promise<void> {
  const { agentId, term, session } = context
  const named = namedAttempt(wire.attempt)
  const answer =
    named === undefined
      ? { granted: false, reason: 'malformed-ids', foreign: true }
      : await grant(agentId, { ...named, grantId: wire.grantId, action: wire.action, keys: wire.keys }, term)
  if (answer.foreign) refuse(context, answer.reason, named?.attemptId ?? '')
  session.send({
    $case: 'grant',
    value: { attempt: wire.attempt, grantId: wire.grantId, granted: answer.granted, reason: answer.reason },
  })
}

async function takeResult(wire: Result, context: FrameContext): Promise<void> {
  const { agentId, term, session } = context
  const disposition = await recordResult(agentId, reportedResult(wire), term)
  if (wire.attempt !== undefined) term.live.settled(wire.attempt.attemptId)
  if (disposition.kind === 'rejected') {
    context.link.counts.refused('result')
    if (disposition.security) refuse(context, disposition.reason, wire.attempt?.attemptId.slice(0, 64) ?? '')
  }
  session.send({
    $case: 'ack',
    value: {
      resultId: wire.resultId,
      disposition: dispositions[disposition.kind],
      reason: disposition.reason,
    },
  })
}

function takeAnchorReply({ taskId, failure, keys, last }: AnchorReply, context: FrameContext): void {
  const taken = context.term.anchors.take(context.agentId, {
    taskId,
    keys,
    last,
    ...(failure === undefined ? {} : { failure: AppError.fromFailure(failureFromWire(failure)) }),
  })
  if (!taken) context.link.counts.refused('stale-anchor')
}

const dispositions = {
  recorded: AckDisposition.RECORDED,
  surplus: AckDisposition.SURPLUS,
  rejected: AckDisposition.REJECTED,
} as const

/** Refused, counted and audited (facts A10). */
function refuse({ agentId, link }: FrameContext, reason: string, subject: string): void {
  link.counts.refused(reason)
  link.refused(`agent:${agentId}`, reason, subject, link.clock.now().wall)
}
