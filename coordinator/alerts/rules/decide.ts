import { type Duration, formatDuration, isoOf } from '../../../shared/time/index.ts'
import { decideTrouble } from './decide-trouble.ts'
import type { About, AlertDecision, AlertFact, OpenDecision } from './fact.ts'
import { keyOf } from './keys.ts'

/**
 * What a fact means for people: one alert per dedup key (`keys.ts`), opened once, resolved when the fact turns.
 *
 * Severities: a broken promise, a person's failed restore, a dead site and a cloned host are critical; what may
 * still mend itself before a promise breaks is a warning.
 */
export function decide(fact: AlertFact): AlertDecision {
  const { about = {} } = fact
  switch (fact.kind) {
    case 'job-failed-finally':
      return opens(about, {
        dedupKey: keyOf.jobFailed(fact.jobKind, fact.subject),
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
        causes: [...silences(about), ...(fact.code.startsWith('object-store.') ? destinationOf(about) : [])],
        waits: fact.jobKind === 'backup',
      })
    case 'job-succeeded':
      return {
        kind: 'resolve',
        dedupKey: keyOf.jobFailed(fact.jobKind, fact.subject),
        summary: `${fact.jobKind} of ${fact.subjectName} succeeded again`,
      }
    case 'protection': {
      const dedupKey = keyOf.breach(fact.databaseId)
      if (!fact.breached)
        return { kind: 'resolve', dedupKey, summary: `${fact.name} is inside its RPO again` }
      return opens(about, {
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
        causes: [...silences(about), ...destinationOf(about), ...slownessOf(about)],
        waits: true,
      })
    }
    case 'copies-missing': {
      const dedupKey = keyOf.copiesMissing(fact.subject)
      if (fact.missing === 0)
        return { kind: 'resolve', dedupKey, summary: 'every backup has the copies its policy asks for again' }
      return opens(about, {
        dedupKey,
        alert: 'copies-missing',
        severity: 'warning',
        summary: `${fact.missing === 1 ? 'a copy' : `${fact.missing} copies`} of backups of ${fact.name} missing in ${fact.destinations.join(', ')}`,
        facts: {
          subject: fact.subject,
          subject_name: fact.name,
          missing: String(fact.missing),
          destinations: fact.destinations.join(', '),
        },
        causes: fact.destinations.map(each => [keyOf.destinationFailing(each)]),
        waits: true,
      })
    }
    case 'running': {
      const dedupKey = keyOf.longRunning(fact.jobKind, fact.subject)
      if (fact.long === undefined)
        return {
          kind: 'resolve',
          dedupKey,
          summary: `${fact.jobKind} of ${fact.subjectName} runs long no more`,
        }
      const { startedAt, limit, usual } = fact.long
      return opens(about, {
        dedupKey,
        alert: 'long-running',
        severity: 'warning',
        summary: `${fact.jobKind} of ${fact.subjectName} runs since ${isoOf(startedAt)}, ${usual === undefined ? `longer than ${formatDuration(limit)}` : `usually for ${formatDuration(usual)}`}`,
        facts: {
          job_id: fact.jobId,
          subject: fact.subject,
          subject_name: fact.subjectName,
          started_at: isoOf(startedAt),
          ...(usual === undefined ? {} : { usual: formatDuration(usual) }),
          limit: formatDuration(limit),
        },
        causes: [...silences(about), ...slownessOf(about), ...destinationOf(about)],
        waits: true,
      })
    }
    case 'size': {
      const dedupKey = keyOf.sizeAnomaly(fact.databaseId)
      if (fact.anomaly === undefined)
        return { kind: 'resolve', dedupKey, summary: `the backup of ${fact.name} has its usual size` }
      const { text, severity, what, usual, now } = fact.anomaly
      return opens(about, {
        dedupKey,
        alert: 'size-anomaly',
        severity,
        summary: `the backup of ${fact.name} ${text}`,
        facts: {
          database_id: fact.databaseId,
          database: fact.name,
          backup_id: fact.backupId,
          anomaly: what,
          usual: String(usual),
          now: String(now),
        },
        causes: [],
        waits: true,
      })
    }
    case 'outgrowing': {
      const dedupKey = keyOf.outgrows(fact.databaseId)
      if (fact.soon === undefined)
        return { kind: 'resolve', dedupKey, summary: `backups of ${fact.name} have time enough` }
      const { at, ahead, allowed, takes, perDay } = fact.soon
      return opens(about, {
        dedupKey,
        alert: 'outgrows-window',
        severity: 'warning',
        summary:
          ahead === 0
            ? `backups of ${fact.name} take longer than the ${formatDuration(allowed)} they may`
            : `backups of ${fact.name} outgrow the ${formatDuration(allowed)} they may take in ${inWeeks(ahead)}`,
        facts: {
          database_id: fact.databaseId,
          database: fact.name,
          outgrows_at: isoOf(at),
          allowed: formatDuration(allowed),
          takes: formatDuration(takes),
          longer_per_week: formatDuration(Math.round(7 * perDay)),
        },
        causes: [],
        waits: true,
      })
    }
    case 'hooks': {
      const dedupKey = keyOf.hookFailed(fact.databaseId)
      const names = fact.failed.map(each => each.name).join(', ')
      if (fact.failed.length === 0)
        return {
          kind: 'resolve',
          dedupKey,
          summary: `the hooks behind backups of ${fact.name} end well again`,
        }
      return opens(about, {
        dedupKey,
        alert: 'hook-failed',
        severity: 'warning',
        summary: `${fact.failed.length === 1 ? 'hook' : 'hooks'} ${names} on ${fact.hostname} failed behind a backup of ${fact.name}: ${firstLine(fact.failed[0]?.detail)}`,
        facts: {
          database_id: fact.databaseId,
          database: fact.name,
          job_id: fact.jobId,
          hostname: fact.hostname,
          hooks: names,
          detail: fact.failed
            .map(each => `${each.name}: ${each.detail}`)
            .join('; ')
            .slice(0, 1_000),
        },
        causes: [],
        waits: true,
      })
    }
    case 'verification': {
      const dedupKey = keyOf.verificationFailed(fact.databaseId)
      if (fact.bad === undefined)
        return { kind: 'resolve', dedupKey, summary: `a backup of ${fact.name} was restored and holds` }
      const { backupId, detail } = fact.bad
      return opens(about, {
        dedupKey,
        alert: 'verification-failed',
        severity: 'critical',
        summary: `a backup of ${fact.name} does not restore as it should: ${backupId} ${detail}; its promise runs from the backup before it`,
        facts: { database_id: fact.databaseId, database: fact.name, backup_id: backupId, detail },
        causes: [],
        waits: false,
      })
    }
    case 'verification-due': {
      const dedupKey = keyOf.verificationOverdue(fact.databaseId)
      if (fact.overdue === undefined)
        return { kind: 'resolve', dedupKey, summary: `backups of ${fact.name} are verified in time again` }
      return opens(about, {
        dedupKey,
        alert: 'verification-overdue',
        severity: 'warning',
        summary: `no backup of ${fact.name} was proven by a restore as its policy asks: ${fact.overdue}`,
        facts: { database_id: fact.databaseId, database: fact.name, detail: fact.overdue },
        causes: [...silences(about), ...destinationOf(about)],
        waits: true,
      })
    }
    case 'backup-succeeded':
      return {
        ...opens(about, {
          dedupKey: keyOf.backupSucceeded(fact.jobId),
          alert: 'backup-succeeded',
          severity: 'info',
          summary: `backup of ${fact.subjectName} succeeded`,
          facts: {
            job_id: fact.jobId,
            backup_id: fact.backupId,
            subject_name: fact.subjectName,
            stored_bytes: String(fact.storedBytes),
          },
          causes: [],
          waits: false,
        }),
        kind: 'notice',
      }
    default:
      return decideTrouble(fact, about)
  }
}

/** An opening with the labels of what it is about. */
export function opens(about: About, decision: Omit<OpenDecision, 'kind' | 'labels'>): OpenDecision {
  return {
    kind: 'open',
    ...decision,
    ...(about.labels === undefined ? {} : { labels: about.labels }),
  }
}

function firstLine(text = ''): string {
  return (text.split('\n')[0] ?? '').slice(0, 200)
}

/** `3 weeks`, or days when it is that near. */
function inWeeks(ahead: Duration): string {
  const days = Math.ceil(ahead / 86_400_000)
  if (days < 14) return days === 1 ? 'a day' : `${days} days`
  return `${Math.round(days / 7)} weeks`
}

/** A silent site, or the silence of every agent it depends on. */
function silences({ agentIds = [], site }: About): readonly (readonly string[])[] {
  return [
    ...(site === undefined || site === '' ? [] : [[keyOf.siteSilent(site)]]),
    ...(agentIds.length === 0 ? [] : [agentIds.map(keyOf.agentSilent)]),
  ]
}

function slownessOf({ destination }: About): readonly (readonly string[])[] {
  return destination === undefined ? [] : [[keyOf.destinationSlow(destination)]]
}

function destinationOf({ destination }: About): readonly (readonly string[])[] {
  return destination === undefined ? [] : [[keyOf.destinationFailing(destination)]]
}
