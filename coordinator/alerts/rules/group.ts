import type { AlertRecord, Labels } from '../../store/records.ts'
import type { OpenDecision } from './fact.ts'
import { keyOf } from './keys.ts'
import { worse } from './severity.ts'

const what: Readonly<Record<string, string>> = {
  'rpo-breach': 'databases have no good backup inside their RPO',
  'job-failed': 'jobs failed',
  'agent-silent': 'agents are silent',
  'long-running': 'jobs run long',
  'size-anomaly': 'backups have an unusual size',
  'clock-offset': 'hosts have a wrong clock',
  'disk-low': 'disks are nearly full',
}

/** Values of a label that a group repeats; more say nothing to a route. */
const mostValues = 100

/** The one alert that stands for many of a kind. */
export function groupOf(kind: string, members: readonly AlertRecord[]): OpenDecision {
  return {
    kind: 'open',
    dedupKey: keyOf.group(kind),
    alert: 'group',
    severity: members.map(each => each.severity).reduce(worse, 'info'),
    summary: groupSummary(kind, members.length),
    facts: { kind, count: String(members.length) },
    labels: unionOf(members.map(each => each.labels ?? {})),
    causes: [],
    waits: true,
  }
}

/** `37 databases have no good backup inside their RPO`. */
export function groupSummary(kind: string, count: number): string {
  return `${count} ${what[kind] ?? `alerts of kind ${kind}`}`
}

function unionOf(all: readonly Labels[]): Labels {
  const union = new Map<string, Set<string>>()
  for (const labels of all)
    for (const [key, values] of Object.entries(labels)) {
      const known = union.get(key) ?? new Set()
      union.set(key, known)
      for (const value of values) if (known.size < mostValues) known.add(value)
    }
  return Object.fromEntries([...union].map(([key, values]) => [key, [...values].sort()]))
}
