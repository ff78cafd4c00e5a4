import { describe, expect, it } from 'vitest'
import { decide } from '../../../../coordinator/alerts/rules/decide.ts'
import { breach, failedJob, kept, silentAgent, succeededJob } from '../facts.ts'

const brief = (decision: ReturnType<typeof decide>) =>
  `${decision.kind} ${decision.dedupKey}${decision.kind === 'resolve' ? '' : ` ${decision.severity}`}`

describe('alert rules', () => {
  it.each([
    ['a job that failed finally opens', failedJob, 'open job-failed/backup/dbs_1 warning'],
    [
      'a failed restore is critical: a person waits',
      { ...failedJob, jobKind: 'restore' },
      'open job-failed/restore/dbs_1 critical',
    ],
    ['the next success resolves it', succeededJob, 'resolve job-failed/backup/dbs_1'],
    ['a breach is critical', breach('dbs_9'), 'open breach/dbs_9 critical'],
    ['its end resolves it', kept('dbs_9'), 'resolve breach/dbs_9'],
    ['a silent agent opens', silentAgent(true), 'open agent-silent/agt_1 warning'],
    ['its return resolves it', silentAgent(false), 'resolve agent-silent/agt_1'],
    [
      'a cloned host is critical',
      { kind: 'agent-cloned', agentId: 'agt_1', hostname: 'host7' } as const,
      'open agent-cloned/agt_1 critical',
    ],
    [
      'its absence resolves it',
      { kind: 'agent-clone-over', agentId: 'agt_1', hostname: 'host7' } as const,
      'resolve agent-cloned/agt_1',
    ],
    [
      'a database that outgrows its window opens',
      {
        kind: 'outgrowing',
        databaseId: 'dbs_1',
        name: 'orders/shop',
        soon: { at: 0, ahead: 0, allowed: 3_600_000, takes: 3_500_000, perDay: 60_000 },
      } as const,
      'open outgrows-window/dbs_1 warning',
    ],
    [
      'one that has time enough resolves it',
      { kind: 'outgrowing', databaseId: 'dbs_1', name: 'orders/shop' } as const,
      'resolve outgrows-window/dbs_1',
    ],
  ])('%s', (_, fact, expected) => {
    expect(brief(decide(fact))).toBe(expected)
  })

  it('a breach says why and since when, also when there never was a backup', () => {
    const decision = decide(breach())
    expect(decision).toMatchObject({
      summary: 'orders/shop has no good backup inside its RPO: overdue (last good data of yesterday)',
      facts: { reason: 'overdue', last_data_as_of: 'never' },
    })
  })
})
