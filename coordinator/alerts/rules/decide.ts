import { isoOf } from '../../../shared/time/index.ts'
import type { AlertDecision, AlertFact } from './fact.ts'

/**
 * What a fact means for people: one alert per dedup key, opened once, resolved when the fact turns. Keys:
 * `job-failed/<kind>/<subject>`, `breach/<database id>`, `agent-silent/<agent id>`, `agent-cloned/<agent id>`.
 *
 * Severities: a broken promise, a person's failed restore and a cloned host are critical; what may still mend
 * itself before a promise breaks is a warning.
 */
export function decide(fact: AlertFact): AlertDecision {
  switch (fact.kind) {
    case 'job-failed-finally':
      return {
        kind: 'open',
        dedupKey: jobKey(fact),
        alert: 'job-failed',
        severity: fact.jobKind === 'restore' ? 'critical' : 'warning',
        summary: `${fact.jobKind} of ${fact.subjectName} failed: ${fact.message}`,
        facts: {
          job_id: fact.jobId,
          job_kind: fact.jobKind,
          subject: fact.subject,
          subject_name: fact.subjectName,
          code: fact.code,
          message: fact.message,
        },
      }
    case 'job-succeeded':
      return {
        kind: 'resolve',
        dedupKey: jobKey(fact),
        summary: `${fact.jobKind} of ${fact.subjectName} succeeded again`,
      }
    case 'protection': {
      const dedupKey = `breach/${fact.databaseId}`
      if (!fact.breached)
        return { kind: 'resolve', dedupKey, summary: `${fact.name} is inside its RPO again` }
      return {
        kind: 'open',
        dedupKey,
        alert: 'rpo-breach',
        severity: 'critical',
        summary: `${fact.name} has no good backup inside its RPO: ${fact.reason}${fact.detail === '' ? '' : ` (${fact.detail})`}`,
        facts: {
          database_id: fact.databaseId,
          database: fact.name,
          reason: fact.reason,
          detail: fact.detail,
          last_data_as_of: fact.lastDataAsOf === undefined ? 'never' : isoOf(fact.lastDataAsOf),
        },
      }
    }
    case 'agent': {
      const dedupKey = `agent-silent/${fact.agentId}`
      if (!fact.silent)
        return { kind: 'resolve', dedupKey, summary: `the agent on ${fact.hostname} is heard of again` }
      return {
        kind: 'open',
        dedupKey,
        alert: 'agent-silent',
        severity: 'warning',
        summary: `the agent on ${fact.hostname} is silent since ${isoOf(fact.lastSeenAt)}`,
        facts: {
          agent_id: fact.agentId,
          hostname: fact.hostname,
          last_seen_at: isoOf(fact.lastSeenAt),
        },
      }
    }
    case 'agent-cloned':
      return {
        kind: 'open',
        dedupKey: `agent-cloned/${fact.agentId}`,
        alert: 'agent-cloned',
        severity: 'critical',
        summary: `a second host claims the identity of the agent on ${fact.hostname} and was refused`,
        facts: { agent_id: fact.agentId, hostname: fact.hostname },
      }
    case 'agent-clone-over':
      return {
        kind: 'resolve',
        dedupKey: `agent-cloned/${fact.agentId}`,
        summary: `no second host claims the identity of the agent on ${fact.hostname} any more`,
      }
  }
}

function jobKey(fact: { readonly jobKind: string; readonly subject: string }): string {
  return `job-failed/${fact.jobKind}/${fact.subject}`
}
