import { formatDuration, isoOf } from '../../../shared/time/index.ts'
import type { About, AlertDecision, AlertFact, OpenDecision } from './fact.ts'
import { keyOf } from './keys.ts'

type Trouble = Exclude<
  AlertFact,
  {
    readonly kind:
      | 'job-failed-finally'
      | 'job-succeeded'
      | 'protection'
      | 'running'
      | 'size'
      | 'outgrowing'
      | 'hooks'
      | 'copies-missing'
      | 'backup-succeeded'
      | 'verification'
      | 'verification-due'
      | 'copies-missing'
  }
>

/** What facts about hosts, sites and destinations mean: the troubles that explain others. */
export function decideTrouble(fact: Trouble, about: About): AlertDecision {
  const opens = (
    decision: Omit<OpenDecision, 'kind' | 'labels' | 'causes' | 'waits'> & { readonly waits?: boolean },
  ): OpenDecision => ({
    kind: 'open',
    causes: [],
    // a moment, so that what it explains is counted in its first message
    waits: true,
    ...decision,
    ...(about.labels === undefined ? {} : { labels: about.labels }),
  })
  switch (fact.kind) {
    case 'agent': {
      const dedupKey = keyOf.agentSilent(fact.agentId)
      if (!fact.silent)
        return { kind: 'resolve', dedupKey, summary: `the agent on ${fact.hostname} is heard of again` }
      const { site } = about
      return {
        ...opens({
          dedupKey,
          alert: 'agent-silent',
          severity: 'warning',
          summary: `the agent on ${fact.hostname} is silent since ${isoOf(fact.lastSeenAt)}`,
          facts: {
            agent_id: fact.agentId,
            hostname: fact.hostname,
            last_seen_at: isoOf(fact.lastSeenAt),
          },
        }),
        causes: site === undefined || site === '' ? [] : [[keyOf.siteSilent(site)]],
      }
    }
    case 'agent-cloned':
      return opens({
        dedupKey: keyOf.agentCloned(fact.agentId),
        alert: 'agent-cloned',
        severity: 'critical',
        summary: `a second host claims the identity of the agent on ${fact.hostname} and was refused`,
        facts: { agent_id: fact.agentId, hostname: fact.hostname },
        waits: false,
      })
    case 'agent-clone-over':
      return {
        kind: 'resolve',
        dedupKey: keyOf.agentCloned(fact.agentId),
        summary: `no second host claims the identity of the agent on ${fact.hostname} any more`,
      }
    case 'site': {
      const dedupKey = keyOf.siteSilent(fact.site)
      if (!fact.dead)
        return { kind: 'resolve', dedupKey, summary: `most agents of ${fact.site} are heard of again` }
      return opens({
        dedupKey,
        alert: 'site-silent',
        severity: 'critical',
        summary: `${fact.silent} of ${fact.agents} agents of ${fact.site} are silent since ${isoOf(fact.since)}`,
        facts: {
          datacenter: fact.site,
          agents: String(fact.agents),
          silent: String(fact.silent),
          since: isoOf(fact.since),
        },
      })
    }
    case 'destination': {
      const dedupKey = keyOf.destinationFailing(fact.destination)
      if (!fact.failing)
        return { kind: 'resolve', dedupKey, summary: `backups reach destination ${fact.destination} again` }
      return opens({
        dedupKey,
        alert: 'destination-failing',
        severity: 'critical',
        summary: `destination ${fact.destination} fails: backups of ${fact.databases} databases could not be stored there (${fact.code})`,
        facts: {
          destination: fact.destination,
          databases: String(fact.databases),
          code: fact.code,
          since: isoOf(fact.since),
        },
      })
    }
    case 'destination-speed': {
      const dedupKey = keyOf.destinationSlow(fact.destination)
      if (!fact.slow)
        return { kind: 'resolve', dedupKey, summary: `destination ${fact.destination} is as fast as usual` }
      return opens({
        dedupKey,
        alert: 'destination-slow',
        severity: 'warning',
        summary: `destination ${fact.destination} is slow: ${fact.long} of ${fact.running} backups there run long`,
        facts: {
          destination: fact.destination,
          running: String(fact.running),
          long: String(fact.long),
        },
      })
    }
    case 'clock': {
      const dedupKey = keyOf.clockOffset(fact.agentId)
      if (fact.severity === undefined)
        return { kind: 'resolve', dedupKey, summary: `the clock of ${fact.hostname} is right again` }
      return {
        ...opens({
          dedupKey,
          alert: 'clock-offset',
          severity: fact.severity,
          summary: `the clock of ${fact.hostname} is ${fact.offset > 0 ? 'behind' : 'ahead of'} the coordinator's by ${formatDuration(Math.abs(fact.offset))}`,
          facts: { agent_id: fact.agentId, hostname: fact.hostname, offset_ms: String(fact.offset) },
        }),
      }
    }
    case 'own-clock': {
      const dedupKey = keyOf.ownClock
      if (fact.wrongBy === undefined)
        return { kind: 'resolve', dedupKey, summary: "the coordinator's clock is believed again" }
      return opens({
        dedupKey,
        alert: 'coordinator-clock',
        severity: 'critical',
        summary: `the coordinator's clock is ${formatDuration(Math.abs(fact.wrongBy))} ${fact.wrongBy > 0 ? 'ahead' : 'behind'}, as most agents say: until it is right nothing becomes due and no breach is told`,
        facts: { wrong_by_ms: String(fact.wrongBy) },
        waits: false,
      })
    }
    case 'policies': {
      const dedupKey = keyOf.policiesRefused
      if (!fact.refused)
        return { kind: 'resolve', dedupKey, summary: 'the policies are in force as they are written' }
      return opens({
        dedupKey,
        alert: 'policies-refused',
        severity: 'warning',
        summary: `a change of the policies was refused, those before it stay in force: ${fact.detail}`,
        facts: { home: fact.home, detail: fact.detail },
        waits: false,
      })
    }
    case 'audit-ship': {
      const dedupKey = keyOf.auditNotShipped(fact.sink)
      if (!fact.failing) return { kind: 'resolve', dedupKey, summary: `the audit reaches ${fact.to} again` }
      return opens({
        dedupKey,
        alert: 'audit-not-shipped',
        severity: 'warning',
        summary: `the audit does not reach ${fact.to} since ${isoOf(fact.since)} (${fact.detail}): nothing is lost, ${fact.waiting} events wait`,
        facts: {
          sink: fact.sink,
          to: fact.to,
          detail: fact.detail,
          since: isoOf(fact.since),
          waiting: String(fact.waiting),
        },
        waits: false,
      })
    }
    case 'retention-brake': {
      const dedupKey = keyOf.retentionBrake
      if (!fact.on) return { kind: 'resolve', dedupKey, summary: 'retention deletes no more than is usual' }
      return opens({
        dedupKey,
        alert: 'retention-brake',
        severity: 'critical',
        summary: `retention is stopped: it would delete ${fact.beyond} of ${fact.total} backups beyond what is usual, more than ${fact.limit}; see \`holdfast retention preview\``,
        facts: { beyond: String(fact.beyond), limit: String(fact.limit), total: String(fact.total) },
        waits: false,
      })
    }
    case 'disk': {
      const dedupKey = keyOf.diskLow(fact.agentId, fact.path)
      if (!fact.low)
        return { kind: 'resolve', dedupKey, summary: `${fact.path} of ${fact.hostname} has room again` }
      return {
        ...opens({
          dedupKey,
          alert: 'disk-low',
          severity: 'warning',
          summary: `${fact.path} of ${fact.hostname} is nearly full: ${fact.freeBytes} of ${fact.totalBytes} bytes are free`,
          facts: {
            agent_id: fact.agentId,
            hostname: fact.hostname,
            path: fact.path,
            free_bytes: String(fact.freeBytes),
            total_bytes: String(fact.totalBytes),
          },
        }),
      }
    }
  }
}
