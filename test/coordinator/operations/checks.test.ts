import { describe, expect, test } from 'vitest'
import {
  attemptInPath,
  isAttemptPrefix,
  isManifestKey,
} from '../../../coordinator/operations/attempt-keys.ts'
import { largestManifest, readManifest } from '../../../coordinator/operations/check-manifest.ts'
import { correctedDataAsOf } from '../../../coordinator/operations/data-as-of.ts'
import { InTurn } from '../../../coordinator/operations/in-turn.ts'
import { newId } from '../../../shared/clock/index.ts'
import { attemptPrefix, dataKey, manifestKey } from '../../../shared/object-store/keys.ts'
import type { Assign } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { type FakeAgent, successOf } from '../../harness/fake-agent.ts'

const attemptId = newId('attempt')
const place = {
  cluster: 'orders-db@host7',
  database: 'att_%"we/ird',
  at: 0,
  class: 'daily' as const,
  attemptId,
}

describe('which attempt a key belongs to', () => {
  test('keys as we make them name their attempt, whatever the database is called', () => {
    expect(attemptInPath(dataKey({ ...place, objectName: '000-full.pgdump.zst' }))).toBe(attemptId)
    expect(isAttemptPrefix(attemptPrefix(place), attemptId)).toBe(true)
    expect(isManifestKey(manifestKey(0, attemptId), attemptId)).toBe(true)
  })

  test.each([
    ['the bucket', ''],
    ['all data', 'v1/data/'],
    ['manifests', `v1/manifests/2026/11/22/${attemptId}.json`],
    ['a way out', `v1/data/x/../${attemptId}/`],
    ['the folder above', attemptPrefix(place).replace(/[^/]+\/$/, '')],
    ['a stem that others begin with too', attemptPrefix(place).slice(0, -1)],
    ['two attempts', `v1/data/${newId('attempt')}/${attemptId}/`],
    ['another attempt', attemptPrefix({ ...place, attemptId: newId('attempt') })],
  ])('%s is not the folder of the attempt', (_what, prefix) => {
    expect(isAttemptPrefix(prefix, attemptId)).toBe(false)
  })
})

describe('the moment a backup protects (A7)', () => {
  const usual = { dataAsOf: 1_000, clockOffsetMs: 0, assignedAt: 900, receivedAt: 2_000, replica: false }

  test.each([
    ['as told', {}, 1_000],
    ['corrected by the clock', { dataAsOf: 5_000, clockOffsetMs: -4_000 }, 1_000],
    ['never in the future', { dataAsOf: 9_000 }, 2_000],
    ['on a primary never before the assignment', { dataAsOf: 100 }, 900],
    ['on a replica as old as its lag says', { dataAsOf: 100, replica: true }, 100],
    ['sane even when the clocks are not', { assignedAt: 3_000, dataAsOf: 1 }, 2_000],
  ])('is %s', (_what, over, expected) => {
    expect(correctedDataAsOf({ ...usual, ...over })).toBe(expected)
  })
})

describe('a manifest is read and checked (J5)', () => {
  const assign: Assign = {
    attempt: { jobId: newId('job'), attemptId, epoch: 1 },
    kind: JobKind.BACKUP,
    spec: {
      $case: 'backup',
      value: {
        instance: undefined,
        clusterId: newId('cluster'),
        clusterName: 'c',
        scope: 'database',
        databaseId: newId('database'),
        databaseName: 'd',
        destination: undefined,
        codec: 'zstd',
        codecLevel: 3,
        policyName: 'p',
        policyVersion: '1',
        backupClass: 'daily',
        backupId: newId('backup'),
        predictedRawBytes: 0,
        destinations: [],
        minCopies: 0,
        copyPatienceMs: 0,
        strategy: '',
        maxRate: 0,
        idleTimeoutMs: 0,
        predictedStoredBytes: 0,
      },
    },
  }
  const good = successOf(assign, { agentId: newId('agent'), hostname: 'h' } as FakeAgent).manifest
  const changed = (change: (manifest: Record<string, unknown>) => void) => {
    const manifest = JSON.parse(good.toString()) as Record<string, unknown>
    change(manifest)
    return Buffer.from(JSON.stringify(manifest))
  }

  test('a good one has its hash', () => {
    expect(readManifest(good)).toMatchObject({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  test.each([
    ['nothing', Buffer.alloc(0), 'empty'],
    ['no JSON', Buffer.from('{"format":'), 'no JSON'],
    ['no UTF-8', Buffer.from([0xff, 0xfe]), 'no JSON'],
    ['too much', Buffer.alloc(largestManifest + 1), 'too large'],
    ['another format', changed(m => Object.assign(m, { version: 2 })), 'version'],
    ['an id that is none', changed(m => Object.assign(m, { backup_id: 'bak_1' })), 'backup_id'],
    ['a total that is not the sum', changed(m => Object.assign(m, { stored_bytes: '41' })), 'add up'],
  ])('%s is refused', (_what, bytes, said) => {
    expect(readManifest(bytes)).toContain(said)
  })
})

describe('one after the other', () => {
  test('works of a key do not overlap, a failed one holds nobody up, keys do not wait for each other', async () => {
    const turns = new InTurn<string>()
    const seen: string[] = []
    const gate = Promise.withResolvers<void>()
    const first = turns.run('a', async () => {
      seen.push('first')
      await gate.promise
      throw new Error('failed')
    })
    const second = turns.run('a', async () => seen.push('second'))
    await turns.run('b', async () => seen.push('other'))
    expect(seen).toEqual(['first', 'other'])
    gate.resolve()
    await expect(first).rejects.toThrow('failed')
    await second
    expect(seen).toEqual(['first', 'other', 'second'])
  })
})
