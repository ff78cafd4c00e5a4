// Writes state folders and buckets as agents of today leave them when they are killed:
// `node write-agent-state.ts <new folder>`. What is committed is never written again (README.md).
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Attempts } from '../../agent/jobs/attempts.ts'
import { type CrashPoint, crashVariable } from '../../agent/jobs/crash-point.ts'
import { Journal } from '../../agent/jobs/journal.ts'
import type { OpenRecord } from '../../agent/jobs/journal-record.ts'
import type { AttemptResult } from '../../agent/jobs/result.ts'
import { Spool } from '../../agent/jobs/spool.ts'
import { silentLog } from '../../shared/log/index.ts'
import { destinationToWire } from '../../shared/wire/destination.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { fakeEngine } from '../agent/jobs/fake-engine.ts'
import { backupSpec, folders, makeWorld } from '../agent/jobs/world.ts'
import { run } from '../harness/index.ts'
import { smallParts } from './small-parts.ts'

const attempt = {
  jobId: 'job_01a20000-0000-7000-8000-000000000001',
  attemptId: 'att_01a20000-0000-7000-8000-000000000002',
  epoch: 3,
}

/** One backup of two streams, each of several objects of several parts; dies where the environment says. */
async function backup(root: string): Promise<void> {
  const places = await folders(root)
  const world = await makeWorld(places, {
    engine: fakeEngine({ streams: ['seq 1 500', 'seq 501 800'] }),
    store: () => smallParts(places.bucket),
  })
  const attempts: Attempts = new Attempts({
    world,
    slots: 1,
    onResult: () => {},
    onAsked: () => {},
    send: frame => {
      if (frame.$case === 'accepted') setImmediate(() => attempts.start(attempt))
      return true
    },
  })
  attempts.assign({
    attempt,
    kind: JobKind.BACKUP,
    spec: { $case: 'backup', value: backupSpec('/backups', { destination: s3 }) },
  })
  await attempts.idle()
}

/** Recovery is handed the folder, so that the fixture need not know where it lies. */
const s3 = destinationToWire({
  name: 'main',
  url: 's3://backups/prod',
  endpoint: 'http://127.0.0.1:9',
  region: 'eu-central-1',
  profile: 'ceph',
})

const phases = {
  open: 'after-upload-opened:2',
  completing: 'after-complete',
  committing: 'after-committing',
  stored: 'after-manifest-put',
  told: 'after-result',
} as const satisfies Record<string, CrashPoint | `${CrashPoint}:2`>

async function main(folder: string): Promise<void> {
  await mkdir(folder)
  for (const [phase, point] of Object.entries(phases)) {
    const root = join(folder, phase)
    await run(process.execPath, [import.meta.filename, root, 'child'], {
      env: { ...process.env, [crashVariable]: point },
      allowFailure: true,
    })
    await rm(join(root, 'server'), { recursive: true })
    await rm(join(root, 'state/scratch'), { recursive: true, force: true })
  }
  await guarded(join(folder, 'guarded/state'))
  await spool(join(folder, 'spool/state'))
}

/** A restore and a delete that were under way. */
async function guarded(state: string): Promise<void> {
  const journal = await Journal.open(state, silentLog)
  const common: Omit<OpenRecord, 'kind' | 'attempt'> = {
    version: 1,
    phase: 'open',
    destination: { ...s3, profile: 'ceph' },
    prefix: '',
    started_at: 1_790_000_000_000,
    agent_boot_id: 'boot',
    children: [],
  }
  await journal.write({
    ...common,
    kind: 'restore',
    attempt: { job_id: attempt.jobId, attempt_id: 'att_01a20000-0000-7000-8000-000000000003', epoch: 1 },
    target: 'orders_copy',
    children: [{ name: 'pg_restore', pid: 4_000_000, startTime: '1', bootId: 'a former boot' }],
  })
  await journal.write({
    ...common,
    kind: 'delete',
    attempt: { job_id: attempt.jobId, attempt_id: 'att_01a20000-0000-7000-8000-000000000004', epoch: 2 },
  })
}

/** A result of every kind, waiting, acknowledged and rejected. */
async function spool(state: string): Promise<void> {
  const spool = await Spool.open(state, 0, silentLog)
  const result = (end: string, outcome: AttemptResult['outcome'], rest: Partial<AttemptResult>) =>
    spool.add({
      version: 1,
      result_id: `res_01a20000-0000-7000-8000-00000000000${end}`,
      attempt: {
        job_id: attempt.jobId,
        attempt_id: `att_01a20000-0000-7000-8000-00000000000${end}`,
        epoch: 1,
      },
      kind: 'backup',
      outcome,
      destination: 'main',
      attempt_prefix: 'v1/data/orders~0123456789/',
      started_at: 1_790_000_000_000,
      ended_at: 1_790_000_000_000 + Number(end),
      raw_bytes: 10_000_000_000,
      stored_bytes: 2_000_000_000,
      debris: [],
      peak_rss_bytes: 200_000_000,
      ...rest,
    })
  const failure: NonNullable<AttemptResult['failure']> = {
    code: 'stage.failed',
    message: 'pg_dump ended with status 1',
    hint: 'Look at its last words.',
    context: { stage: 'pg_dump', status: 1, killed: false, tail: ['one', 'two'] },
  }
  await result('1', 'succeeded', {
    manifest: Buffer.from('{"format":"holdfast.backup"}\n').toString('base64'),
    manifest_key: 'v1/manifests/2026/11/22/x.json',
  })
  await result('2', 'failed', { failure, debris: ['v1/data/orders~0123456789/a'] })
  await result('3', 'cancelled', { kind: 'restore', failure: { ...failure, code: 'job.cancelled' } })
  await result('4', 'succeeded', { kind: 'delete' })
  for (const [end, disposition] of [
    ['5', 'recorded'],
    ['6', 'surplus'],
    ['7', 'rejected'],
  ] as const) {
    await result(end, 'succeeded', {})
    await spool.acknowledge(
      `res_01a20000-0000-7000-8000-00000000000${end}`,
      { disposition, reason: 'because', incarnation: 'inc_1' },
      1_790_000_000_100 + Number(end),
    )
  }
  await writeFile(
    join(state, 'identity.json'),
    '{"version":1,"agent_id":"agt_01a20000-0000-7000-8000-000000000009","instance_id":"0d8a2c5e-2b0e-4f0e-8a55-0a1c5b6d7e8f"}\n',
  )
}

const [, , path = '', role] = process.argv
await (role === 'child' ? backup(path) : main(resolve(path)))
