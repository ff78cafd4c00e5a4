import { matches } from './pattern.ts'
import type { Policy, PolicySubject } from './policy.ts'

/** What one policy of the list said to a subject. */
export interface PolicyReason {
  readonly policy: string
  readonly code:
    | 'matches'
    | 'other-engine'
    | 'other-service'
    | 'other-datacenter'
    | 'other-database'
    | 'excluded'
  readonly text: string
}

/** The policy in effect, absent when none matches (the gap `no-policy`), and what each one asked said. */
export interface PolicyChoice {
  readonly policy?: Policy
  readonly reasons: readonly PolicyReason[]
}

/**
 * The first policy whose selector matches. A cluster's globals have the empty name: only a pattern such as
 * `*`, or no `databases` at all, speaks for them.
 */
export function choosePolicy(policies: readonly Policy[], subject: PolicySubject): PolicyChoice {
  const reasons: PolicyReason[] = []
  for (const policy of policies) {
    const reason = judge(policy, subject)
    reasons.push(reason)
    if (reason.code === 'matches') return { policy, reasons }
  }
  return { reasons }
}

function judge({ name: policy, selector }: Policy, subject: PolicySubject): PolicyReason {
  const { engines, services, datacenters, databases, exclude } = selector
  const named = subject.scope === 'cluster' ? 'the globals' : `database ${subject.name}`
  if (engines !== undefined && !engines.includes(subject.engine))
    return { policy, code: 'other-engine', text: `is for ${engines.join(', ')}, not ${subject.engine}` }
  if (services !== undefined && !services.includes(subject.service))
    return { policy, code: 'other-service', text: `is for ${services.join(', ')}, not ${subject.service}` }
  if (datacenters !== undefined && !datacenters.includes(subject.datacenter))
    return {
      policy,
      code: 'other-datacenter',
      text: `is for ${datacenters.join(', ')}, not ${subject.datacenter}`,
    }
  if (databases !== undefined && !databases.some(pattern => matches(pattern, subject.name)))
    return { policy, code: 'other-database', text: `${databases.join(', ')} leaves out ${named}` }
  const out = exclude?.find(pattern => matches(pattern, subject.name))
  if (out !== undefined) return { policy, code: 'excluded', text: `exclude ${out} names ${named}` }
  return { policy, code: 'matches', text: `is for ${named}` }
}
