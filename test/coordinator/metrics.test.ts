import { describe, expect, test } from 'vitest'
import type { Job } from '../../coordinator/jobs/index.ts'
import { declareCounts, declareGauges, type Picture } from '../../coordinator/metrics/index.ts'
import type { BackupRecord } from '../../coordinator/store/records.ts'
import { createMetrics } from '../../shared/metrics/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'

const nobody: Picture = {
  status: {
    version: '1',
    startedAt: 0,
    now: 0,
    fleetId: '',
    incarnation: '',
    storeKind: 'sqlite',
    leader: true,
    term: 7,
    agentsConnected: 0,
    agentsSilent: 0,
    aggregates: {
      instances: 3,
      databases: 4,
      protection: { protected: 3, breached: 1 },
      jobs: { running: 2, succeeded: 900 },
      backups: 9,
      storedBytes: 100,
      succeeded24h: 0,
      failed24h: 0,
    },
    runs: { expected: 0, made: 0 },
    discovery: [],
    outbox: { pending: 1, dead: 2 },
  } as Picture['status'],
  unproven: new Map(),
  copiesMissing: new Map([['missing', 2]]),
  leaving: new Map([['expired', 3]]),
  breaches: new Map([['overdue', 1]]),
  gaps: new Map(),
  unregistered: 0,
  failing: new Map([['object-store.denied', 5]]),
  policies: [],
  agents: [],
  ships: [],
  expiries: [],
  leases: 0,
  longestRunning: new Map([['backup', 42]]),
  runningLong: 3,
}

describe('metrics of the coordinator', () => {
  test('work is counted by kind and outcome, bytes by engine', async () => {
    const registry = createMetrics({ processMetrics: false })
    const { work } = declareCounts(registry)
    work.jobEnded({ kind: 'backup', state: { kind: 'failed' } } as Job, 4_000)
    work.backupRecorded({
      engine: 'postgres',
      surplus: true,
      rawBytes: 1_000,
      storedBytes: 300,
      startedAt: 1_000,
      committedAt: 61_000,
    } as BackupRecord)
    const text = await registry.text()
    expect(text).toContain('holdfast_jobs_ended_total{kind="backup",outcome="failed"} 1')
    expect(text).toContain('holdfast_job_seconds_bucket{le="7200",kind="backup",outcome="failed"} 1')
    expect(text).toContain('holdfast_job_seconds_bucket{le="3600",kind="backup",outcome="failed"} 0')
    expect(text).toContain('holdfast_backups_recorded_total{engine="postgres",surplus="true"} 1')
    expect(text).toContain('holdfast_backup_raw_bytes_total{engine="postgres"} 1000')
    expect(text).toContain('holdfast_backup_seconds_sum{engine="postgres"} 60')
  })

  test('jobs that ended are no part of what is open, and a state without jobs is 0, not absent', async () => {
    const registry = createMetrics({ processMetrics: false })
    await declareGauges(registry, '1.2.3')(nobody)
    const text = await registry.text()
    expect(text).toContain('holdfast_jobs{state="running"} 2')
    expect(text).toContain('holdfast_jobs{state="queued"} 0')
    expect(text).not.toContain('state="succeeded"')
    expect(text).toContain('holdfast_build_info{version="1.2.3"} 1')
    expect(text).toContain('holdfast_databases_failing{code="object-store.denied"} 5')
  })

  test('what is over goes: a reason without breaches, a policy and an agent that went away', async () => {
    const registry = createMetrics({ processMetrics: false })
    const show = declareGauges(registry, '1')
    await show({
      ...nobody,
      policies: [
        {
          name: 'gold',
          protection: new Map([['breached', 1]]),
          oldestDataAsOf: 5_000,
          outgrowing: 2,
          runs: { expected: 24, made: 20 },
        },
      ],
      agents: [
        {
          id: 'agt_1' as AgentId,
          state: 'silent',
          connected: false,
          lastSeenAt: 90_000,
          running: [],
          spooledResults: 2,
          draining: false,
          load1: 0,
          memoryAvailableBytes: 0,
          drainTaken: false,
          hostname: 'db1',
          clockOffsetMs: -1_500,
        },
      ],
    })
    const before = await registry.text()
    expect(before).toContain('holdfast_policy_databases{policy="gold",protection="breached"} 1')
    expect(before).toContain('holdfast_policy_oldest_data_timestamp_seconds{policy="gold"} 5')
    expect(before).toContain('holdfast_policy_databases_outgrowing{policy="gold"} 2')
    expect(before).toContain('holdfast_policy_runs_expected{policy="gold"} 24')
    expect(before).toContain('holdfast_policy_runs_made{policy="gold"} 20')
    expect(before).toContain('holdfast_backups_running_long 3')
    expect(before).toContain('holdfast_fleet_agent_last_seen_timestamp_seconds{agent="agt_1",host="db1"} 90')
    expect(before).toContain('holdfast_fleet_agent_clock_offset_seconds{agent="agt_1",host="db1"} -1.5')
    expect(before).toContain('holdfast_agents{state="silent"} 1')
    await show({ ...nobody, breaches: new Map() })
    const after = await registry.text()
    expect(after).not.toContain('policy="gold"')
    expect(after).not.toContain('db1')
    expect(after).not.toContain('reason="overdue"')
    expect(after).toContain('holdfast_agents{state="silent"} 0')
  })
})
