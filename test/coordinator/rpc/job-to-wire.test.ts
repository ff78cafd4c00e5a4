import { describe, expect, it } from 'vitest'
import type { Job } from '../../../coordinator/jobs/job.ts'
import { jobToWire } from '../../../coordinator/rpc/operator/job-to-wire.ts'
import type { Names } from '../../../coordinator/rpc/operator/naming.ts'
import { observedOf } from '../../../coordinator/rpc/operator/observed.ts'
import type { ReadModel } from '../../../coordinator/store/port.ts'
import { newId } from '../../../shared/clock/index.ts'

const names = { subject: async () => 'orders', agent: async () => '' } as unknown as Names
const backupId = newId('backup')

function reading(manifest: unknown): ReadModel {
  return {
    backup: async () => ({ manifest: Buffer.from(JSON.stringify(manifest)), rawBytes: 10, storedBytes: 5 }),
  } as unknown as ReadModel
}

function job(state: Job['state']): Job {
  return {
    id: newId('job'),
    kind: 'backup',
    order: { kind: 'backup' },
    subject: { scope: 'cluster', clusterId: newId('cluster') },
    state,
    requestedBy: { kind: 'operator', name: 'anna' },
  } as unknown as Job
}

describe('a job as operators see it', () => {
  it('that was cancelled says by whom and why', async () => {
    const cancelled = job({
      kind: 'cancelled',
      endedAt: 1,
      by: { kind: 'operator', name: 'anna' },
      reason: 'wrong database',
    })
    const { failure } = await jobToWire({ job: cancelled }, names, reading({}))
    expect(failure).toMatchObject({
      code: 'job.cancelled',
      message: 'the job was cancelled by anna: wrong database',
    })
    const gone = job({
      kind: 'cancelled',
      endedAt: 1,
      by: { kind: 'system', name: '' },
      reason: 'the database is no longer on its server',
    })
    const told = await jobToWire({ job: gone }, names, reading({}))
    expect(told.failure?.message).toBe(
      'the job was cancelled by the coordinator: the database is no longer on its server',
    )
  })

  it('tells what its backup took, as the manifest has it', async () => {
    const made = job({ kind: 'succeeded', endedAt: 1, backupId } as Job['state'])
    const observed = {
      strategy: 'staged',
      strategy_reason: 'room',
      duration_ms: 5,
      retries: 3,
      peak_rss_bytes: { agent: '7', children: '8' },
    }
    expect(await observedOf(made, [], reading({ observed }))).toEqual({
      strategy: 'staged',
      strategyReason: 'room',
      durationMs: 5,
      yieldedMs: 0,
      retries: 3,
      agentPeakRssBytes: 7,
      childrenPeakRssBytes: 8,
    })
    expect(await observedOf(made, [], reading({}))).toBeUndefined()
    expect(await observedOf(made, [], reading({ observed: { strategy: 'of tomorrow' } }))).toBeUndefined()
  })
})
