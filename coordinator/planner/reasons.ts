import type { JobId } from '../../shared/model/identifiers.ts'
import { isoOf, type Millis } from '../../shared/time/index.ts'
import type { JobKind } from '../jobs/job.ts'
import type { Pool, PoolKind } from './pool.ts'
import type { AgentCapacity, QueuedJob, Reason } from './port.ts'
import type { Rank } from './ranks.ts'
import type { Opening } from './window.ts'

const urgencies = ['overdue or close to it', 'due soon', 'in time'] as const

/** Why a job is where it is, with the numbers it was ranked by. */
export function placed(
  job: QueuedJob,
  rank: Rank,
  pool: Pool,
  agent: AgentCapacity,
  limit: number,
  now: Millis,
): Reason {
  const { urgency, pressure, weight, backlog, restore } = rank
  const numbers: Record<string, number> = {
    urgency,
    pressure,
    slack_ms: job.deadline - now,
    weight,
    backlog_ms: backlog,
    p50_ms: job.p50,
    p90_ms: job.p90,
    used: pool.used,
    slots: limit,
  }
  if (job.rate !== undefined && job.rate !== 0) numbers['bytes_per_second'] = Math.ceil(job.rate)
  return {
    code: 'placed',
    subject: agent.host,
    text: restore ? 'a person waits for this restore' : urgencies[urgency],
    numbers,
  }
}

export function fuller(agent: AgentCapacity, used: number, limit: number): Reason {
  return {
    code: 'less-room',
    subject: agent.host,
    text: `another has more room: ${used} of ${limit} slots taken here`,
    numbers: { used, slots: limit },
  }
}

export function lowerRank(agent: AgentCapacity, rank: number, best: number, kind: JobKind): Reason {
  return {
    code: 'less-fit',
    subject: agent.host,
    text:
      kind === 'verify'
        ? `another is preferred: servers of the backup's own line, hosts that do not serve its cluster, the pool`
        : `another is preferred: replicas before primaries, a cluster's own hosts before the pool`,
    numbers: { rank, best },
  }
}

export function noCandidate(job: QueuedJob): Reason {
  const none = job.noCandidateReason ?? { code: 'no-agent', text: 'no agent can do it' }
  return { code: none.code, subject: job.id, text: none.text, numbers: {} }
}

export function notBefore(job: QueuedJob): Reason {
  return {
    code: 'not-before',
    subject: job.id,
    text: `tried again from ${isoOf(job.notBefore)}`,
    numbers: { not_before: job.notBefore, attempts: job.attempts },
  }
}

export function closed(job: QueuedJob, opening: Exclude<Opening, { kind: 'open' }>): Reason {
  if (opening.kind === 'never')
    return {
      code: 'window-too-small',
      subject: job.id,
      text: 'it is predicted to take longer than any of its windows is open',
      numbers: { p90_ms: job.p90, window_ms: opening.longest },
    }
  return opening.endsFirst
    ? {
        code: 'window-ends-first',
        subject: job.id,
        text: `its window closes before it would end; the next one opens ${isoOf(opening.at)}`,
        numbers: { p90_ms: job.p90, opens_at: opening.at },
      }
    : {
        code: 'outside-window',
        subject: job.id,
        text: `its window opens ${isoOf(opening.at)}`,
        numbers: { opens_at: opening.at },
      }
}

export function clusterBusy(pool: Pool): Reason {
  return {
    code: 'cluster-busy',
    subject: pool.name,
    text: `its cluster is at work on ${pool.first ?? 'nothing it may'}`,
    numbers: { running: pool.used, allowed: pool.slots },
  }
}

/** @param extra slots it may use beyond those */
export function noSlot(pool: Pool, extra = 0): Reason {
  const { kind, name, used } = pool
  const slots = pool.slots + extra
  return {
    code: kind === 'host' ? 'no-slot' : `${kind}-slots`,
    subject: name,
    text: `${used} of ${slots} slots${kind === 'host' ? '' : ` of this ${kind}`} taken`,
    numbers: { used, slots },
  }
}

// made once: a hundred thousand jobs may wait for the same destination
const lacking: Readonly<Record<PoolKind, { readonly code: string; readonly text: string }>> = {
  host: lacksRate('host'),
  memory: { code: 'host-memory', text: 'it needs more memory for part buffers than its host has left' },
  staging: { code: 'host-staging', text: 'it needs more room on the staging disk than its host has left' },
  cluster: lacksRate('cluster'),
  site: lacksRate('site'),
  destination: lacksRate('destination'),
}

function lacksRate(kind: PoolKind) {
  return { code: `${kind}-rate`, text: `it needs more bytes a second than this ${kind} has left` }
}

export function noRate(pool: Pool, amount: number): Reason {
  const { code, text } = lacking[pool.kind]
  return {
    code,
    subject: pool.name,
    text,
    numbers: { used: pool.usedRate, budget: pool.rate, needs: pool.ask(amount) },
  }
}

export function reservedFor(
  { kind, name }: Pool,
  other: { readonly jobId: JobId; readonly from: Millis },
  p90: number,
): Reason {
  return {
    code: 'reserved',
    subject: name,
    text: `this ${kind}'s budget is kept for ${other.jobId} from ${isoOf(other.from)}, and it would end after that`,
    numbers: { reserved_from: other.from, p90_ms: p90 },
  }
}

export function letsGoFirst(job: QueuedJob, first: QueuedJob): Reason {
  return {
    code: 'lets-go-first',
    subject: first.id,
    text: `${first.id} of its cluster would be late behind it, and it can wait`,
    numbers: { p90_ms: job.p90, deadline: job.deadline, other_deadline: first.deadline },
  }
}

export function unfair(pool: Pool): Reason {
  return {
    code: 'fair-share',
    subject: pool.name,
    text: 'its cluster has a third of the destination, and others as urgent wait for it',
    numbers: { used: pool.used, ...(pool.slots === Number.POSITIVE_INFINITY ? {} : { slots: pool.slots }) },
  }
}

export function reservation(pool: Pool, agent: AgentCapacity, at: Millis): Reason {
  return {
    code: 'reservation',
    subject: agent.host,
    text: `first in line: budget of ${pool.kind} ${pool.name} is kept for it from ${isoOf(at)}`,
    numbers: { reserved_from: at },
  }
}

export function agentAbsent(agent: AgentCapacity | undefined, id: string): Reason | undefined {
  if (agent === undefined) return { code: 'agent-unknown', subject: id, text: 'never heard of', numbers: {} }
  if (!agent.connected)
    return { code: 'agent-away', subject: agent.host, text: 'its agent is not connected', numbers: {} }
  return agent.draining
    ? { code: 'agent-draining', subject: agent.host, text: 'its agent takes no new work', numbers: {} }
    : undefined
}
