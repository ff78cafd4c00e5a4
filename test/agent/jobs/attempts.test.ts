import { createHash } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../../agent/engines/port.ts'
import { Attempts } from '../../../agent/jobs/attempts.ts'
import type { Frame } from '../../../agent/jobs/frame.ts'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import type { Surroundings } from '../../../agent/jobs/surroundings.ts'
import { type Clock, systemClock } from '../../../shared/clock/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { openDirectoryStore } from '../../../shared/object-store/directory.ts'
import { type ObjectStore, objectKey } from '../../../shared/object-store/index.ts'
import {
  type Assign,
  type AttemptRef,
  CancelReason,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { requireServers, temporaryFolder, waitUntil } from '../../harness/index.ts'
import { fakeEngine } from './fake-engine.ts'
import {
  backupSpec,
  bucketContent,
  deleteSpec,
  folders,
  makeWorld,
  newAttempt,
  restoreSpec,
} from './world.ts'

const servers = await requireServers('attempts of the agent', 'pv')

/** Retries take no time here, but pass on the clock; the wait for a Start only ends by its signal. */
function impatientClock(): Clock {
  let passed = 0
  return {
    now: () => ({ wall: Date.now(), mono: passed }),
    sleep: (duration, signal) =>
      duration === 30_000
        ? systemClock.sleep(2 ** 31 - 1, signal)
        : new Promise(resolve => {
            passed += duration
            setImmediate(resolve)
          }),
  }
}

interface Bench {
  readonly places: Awaited<ReturnType<typeof folders>>
  readonly world: Surroundings
  readonly attempts: Attempts
  readonly frames: Frame[]
  readonly results: AttemptResult[]
  readonly asked: AttemptResult[]
  backup(attempt: AttemptRef, changes?: Parameters<typeof backupSpec>[1]): Assign
  /** The last frame of a case. */
  seen(kind: Frame['$case']): Promise<Frame>
  started(assign: Assign): Promise<void>
}

async function bench(
  root: string,
  options: {
    readonly engine?: Engine
    readonly slots?: number
    readonly store?: () => ObjectStore
    readonly clock?: Clock
  } = {},
): Promise<Bench> {
  const places = await folders(root)
  const { slots = 2, ...overrides } = options
  const world = await makeWorld(places, { keeper: true, ...overrides })
  const frames: Frame[] = []
  const results: AttemptResult[] = []
  const asked: AttemptResult[] = []
  const attempts = new Attempts({
    world,
    slots,
    send: frame => frames.push(frame) > 0,
    onResult: result => results.push(result),
    onAsked: result => asked.push(result),
  })
  const seen = (kind: Frame['$case']) =>
    waitUntil(() => frames.findLast(({ $case }) => $case === kind), { what: `a ${kind} frame` })
  return {
    places,
    world,
    attempts,
    frames,
    results,
    asked,
    seen,
    backup: (attempt, changes) => ({
      attempt,
      kind: JobKind.BACKUP,
      spec: { $case: 'backup', value: backupSpec(places.bucket, changes) },
    }),
    started: async assign => {
      attempts.assign(assign)
      await waitUntil(
        () =>
          frames.some(
            ({ $case, value }) =>
              $case === 'accepted' && value.attempt?.attemptId === assign.attempt?.attemptId,
          ),
        { what: 'accepted' },
      )
      if (assign.attempt !== undefined) attempts.start(assign.attempt)
    },
  }
}

describe.skipIf(servers.missing)('attempts', () => {
  it('a restore may be one more than there are slots, since somebody waits for it; a backup may not', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, seen, backup, places, frames } = await bench(folder.path, { slots: 1 })
    const restore = () => ({
      attempt: newAttempt(),
      kind: JobKind.RESTORE,
      spec: { $case: 'restore' as const, value: restoreSpec(places.bucket, { manifestKey: 'v1/m' }) },
    })
    attempts.assign(backup(newAttempt()))
    await seen('accepted')
    frames.length = 0
    attempts.assign(restore())
    // what it is declined for, if at all, is not the slot
    const first = await waitUntil(() => frames.find(each => each.$case !== 'progress'), { what: 'an answer' })
    expect(first).not.toMatchObject({ value: { failure: { code: 'agent.busy' } } })
    frames.length = 0
    attempts.assign(backup(newAttempt()))
    expect(await seen('declined')).toMatchObject({ value: { failure: { code: 'agent.busy' } } })
  })

  it('a delete is declined by an agent that is no keeper, whatever the coordinator asks', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, seen, world, places } = await bench(folder.path)
    Object.assign(world, { keeper: false })
    attempts.assign({
      attempt: newAttempt(),
      kind: JobKind.DELETE,
      spec: { $case: 'delete', value: deleteSpec(places.bucket, { keys: ['v1/x'] }) },
    })
    expect(await seen('declined')).toMatchObject({ value: { failure: { code: 'agent.not-keeper' } } })
  })

  it('are declined, with the reason, when the credential is missing, nothing is free, or the agent drains', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, seen, backup, world, frames } = await bench(folder.path, { slots: 1 })
    Object.assign(world, {
      targetFor: () => {
        throw new AppError('agent.no-credential')
      },
    })
    attempts.assign(backup(newAttempt()))
    expect(await seen('declined')).toMatchObject({ value: { failure: { code: 'agent.no-credential' } } })
    Object.assign(world, { targetFor: () => ({}) })
    frames.length = 0
    attempts.assign(backup(newAttempt()))
    attempts.assign(backup(newAttempt()))
    expect(await seen('declined')).toMatchObject({ value: { failure: { code: 'agent.busy' } } })
    attempts.drain(true, 'maintenance')
    frames.length = 0
    attempts.assign(backup(newAttempt()))
    expect(await seen('declined')).toMatchObject({
      value: { failure: { code: 'agent.draining', context: [{ name: 'reason', value: 'maintenance' }] } },
    })
    await attempts.stop(AbortSignal.abort())
  })

  it('are declined when the state folder takes no writes, before anything is begun', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, seen, backup, places } = await bench(folder.path)
    await rm(join(places.state, 'aside'), { recursive: true })
    attempts.assign(backup(newAttempt()))
    expect(await seen('declined')).toMatchObject({ value: { failure: { code: 'agent.state-unwritable' } } })
  })

  it('J10: dropped when no Start comes, and a Start that comes later begins nothing', async () => {
    await using folder = await temporaryFolder('attempts')
    const engine = fakeEngine()
    const { attempts, seen, backup, results } = await bench(folder.path, { engine })
    attempts.startTimeout = 20
    const attempt = newAttempt()
    attempts.assign(backup(attempt))
    expect(await seen('declined')).toMatchObject({
      value: { attempt, failure: { code: 'job.not-accepted' } },
    })
    attempts.start(attempt)
    await attempts.idle()
    expect(attempts.running()).toEqual([])
    expect(engine.calls).toEqual([])
    expect(results).toEqual([])
  })

  it('J2: a Start of another epoch begins nothing', async () => {
    await using folder = await temporaryFolder('attempts')
    const engine = fakeEngine()
    const { attempts, seen, backup } = await bench(folder.path, { engine })
    const attempt = newAttempt()
    attempts.assign(backup(attempt))
    await seen('accepted')
    attempts.start({ ...attempt, epoch: 2 })
    expect(attempts.running()).toEqual([attempt])
    expect(engine.calls).toEqual([])
    await attempts.stop(AbortSignal.abort())
  })

  it('cancelled before Start: declined, nothing begun', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, seen, backup } = await bench(folder.path)
    const attempt = newAttempt()
    attempts.assign(backup(attempt))
    await seen('accepted')
    attempts.cancel(attempt, CancelReason.REQUESTED)
    expect(await seen('declined')).toMatchObject({ value: { failure: { code: 'job.cancelled' } } })
    expect(attempts.running()).toEqual([])
  })

  it('cancelled at work: uploads aborted, no manifest, outcome cancelled', async () => {
    await using folder = await temporaryFolder('attempts')
    const engine = fakeEngine({ streams: ['seq 1 100000; sleep 600'] })
    const { attempts, frames, backup, started, results, places } = await bench(folder.path, { engine })
    const attempt = newAttempt()
    await started(backup(attempt))
    await waitUntil(() => frames.some(each => each.$case === 'uploadOpened' && each.value.uploadId !== ''), {
      what: 'an open upload',
    })
    attempts.cancel(attempt, CancelReason.SUPERSEDED)
    await attempts.idle()
    expect(results).toMatchObject([{ outcome: 'cancelled', failure: { code: 'job.superseded' }, debris: [] }])
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
  })

  it('cancelled while it completes: what was finished is told as debris, and there is no manifest', async () => {
    await using folder = await temporaryFolder('attempts')
    const attempt = newAttempt()
    const { attempts, backup, started, results, places } = await bench(folder.path, {
      engine: fakeEngine({ streams: ['seq 1 10', 'seq 1 10'] }),
      store: () => {
        const store = openDirectoryStore(join(folder.path, 'bucket'))
        const { completeUpload } = store
        return Object.assign(store, {
          completeUpload: async (...args: Parameters<typeof completeUpload>) => {
            await completeUpload.apply(store, args)
            attempts.cancel(attempt, CancelReason.REQUESTED)
          },
        })
      },
    })
    await started(backup(attempt))
    await attempts.idle()
    const content = await bucketContent(places.bucket)
    expect(results).toMatchObject([{ outcome: 'cancelled', debris: content.objects }])
    expect(content.objects).toHaveLength(1)
    expect(content.uploads).toEqual([])
  })

  it('J6, J13: a cancel that finds the journal committing comes too late; the backup is told as it is', async () => {
    await using folder = await temporaryFolder('attempts')
    const attempt = newAttempt()
    const { attempts, backup, started, results } = await bench(folder.path, {
      store: () => {
        const store = openDirectoryStore(join(folder.path, 'bucket'))
        const { put } = store
        return Object.assign(store, {
          put: async (...args: Parameters<typeof put>) => {
            attempts.cancel(attempt, CancelReason.SUPERSEDED)
            await put.apply(store, args)
          },
        })
      },
    })
    await started(backup(attempt))
    await attempts.idle()
    expect(results).toMatchObject([{ outcome: 'succeeded', debris: [] }])
  })

  it.each([
    ['a dump that exits 1 after its last byte', 'seq 1 1000; exit 1', 'stage.failed'],
    ['a dump whose words the engine understands', 'echo "no such database" >&2; exit 1', 'database.gone'],
    ['a dump killed', 'seq 1 1000; kill -9 $$', 'stage.failed'],
  ])('P2: %s leaves no manifest and nothing in the bucket', async (_what, script, code) => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, backup, started, results, places, world } = await bench(folder.path, {
      engine: fakeEngine({ streams: ['seq 1 5', script] }),
    })
    await started(backup(newAttempt()))
    await attempts.idle()
    expect(results).toMatchObject([{ outcome: 'failed', failure: { code } }])
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
    expect(await world.journal.records()).toEqual([])
  })

  it('P2: a stream the engine finds incomplete after its end fails the backup', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, backup, started, results, places } = await bench(folder.path, {
      engine: fakeEngine({
        verify: async () => {
          throw new AppError('dump.warned')
        },
      }),
    })
    await started(backup(newAttempt()))
    await attempts.idle()
    expect(results).toMatchObject([{ outcome: 'failed', failure: { code: 'dump.warned' } }])
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
  })

  it('a manifest PUT whose reply is lost is a success: what was read back decides', async () => {
    await using folder = await temporaryFolder('attempts')
    let lost = false
    const { attempts, backup, started, results, places } = await bench(folder.path, {
      store: () => {
        const store = openDirectoryStore(join(folder.path, 'bucket'))
        const { put } = store
        return Object.assign(store, {
          put: async (...args: Parameters<typeof put>) => {
            await put.apply(store, args)
            if (!lost) {
              lost = true
              throw new AppError('object-store.denied')
            }
          },
        })
      },
    })
    await started(backup(newAttempt()))
    await attempts.idle()
    expect(lost).toBe(true)
    expect(results).toMatchObject([{ outcome: 'succeeded', debris: [] }])
    expect((await bucketContent(places.bucket)).objects).toHaveLength(2)
  })

  it('a manifest that may not be stored is a failure, and the finished objects are told as debris', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, backup, started, results, places } = await bench(folder.path, {
      store: () =>
        Object.assign(openDirectoryStore(join(folder.path, 'bucket')), {
          put: async () => {
            throw new AppError('object-store.denied')
          },
        }),
    })
    await started(backup(newAttempt()))
    await attempts.idle()
    const { objects } = await bucketContent(places.bucket)
    expect(objects).toHaveLength(1)
    expect(results).toMatchObject([
      { outcome: 'failed', failure: { code: 'object-store.denied' }, debris: objects },
    ])
  })

  it('a store out of reach before anything was begun fails the attempt at once: nothing has to be cleaned up', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, backup, started, results } = await bench(folder.path, {
      clock: impatientClock(),
      store: () =>
        Object.assign(openDirectoryStore(join(folder.path, 'bucket')), {
          check: async () => {
            throw new AppError('object-store.unreachable')
          },
          listUploads: () => {
            throw new Error('nothing to look for')
          },
        }),
    })
    await started(backup(newAttempt()))
    await attempts.idle()
    expect(results).toMatchObject([
      { outcome: 'failed', failure: { code: 'object-store.unreachable' }, debris: [] },
    ])
  })

  it('P4: what a store that went away keeps from being cleaned up is told as debris, so that it has an owner', async () => {
    await using folder = await temporaryFolder('attempts')
    const gone = async () => {
      throw new AppError('object-store.unreachable')
    }
    const { attempts, backup, started, results, frames, world } = await bench(folder.path, {
      clock: impatientClock(),
      store: () =>
        Object.assign(openDirectoryStore(join(folder.path, 'bucket')), {
          uploadPart: gone,
          abortUpload: gone,
        }),
    })
    await started(backup(newAttempt()))
    await attempts.idle()
    const opened = frames.flatMap(frame =>
      frame.$case === 'uploadOpened' && frame.value.uploadId !== '' ? [frame.value.key] : [],
    )
    expect(opened).toHaveLength(1)
    expect(results).toMatchObject([
      { outcome: 'failed', failure: { code: 'object-store.unreachable' }, debris: opened },
    ])
    expect(await world.journal.records()).toEqual([])
  })

  it('P4: where an attempt is going to store is said before it is accepted, hence before it begins', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, backup, seen, frames } = await bench(folder.path)
    const attempt = newAttempt()
    attempts.assign(backup(attempt))
    await seen('accepted')
    expect(frames.map(({ $case }) => $case)).toEqual(['uploadOpened', 'accepted'])
    expect(frames[0]?.value).toMatchObject({
      attempt,
      uploadId: '',
      attemptPrefix: expect.stringContaining(`_${attempt.attemptId}/`),
    })
    await attempts.stop(AbortSignal.abort())
  })

  it('an Assign for what has ended already is answered with its result', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, backup, started, results, asked } = await bench(folder.path)
    const assign = backup(newAttempt())
    await started(assign)
    await attempts.idle()
    attempts.assign(assign)
    attempts.start(assign.attempt ?? newAttempt())
    expect(asked).toEqual([results[0], results[0]])
  })

  it('a restore whose manifest has another hash is refused before the target is touched', async () => {
    await using folder = await temporaryFolder('attempts')
    const engine = fakeEngine({ folder: join(folder.path, 'server') })
    const { attempts, backup, started, results, places } = await bench(folder.path, { engine })
    await started(backup(newAttempt()))
    await attempts.idle()
    await started({
      attempt: newAttempt(),
      kind: JobKind.RESTORE,
      spec: {
        $case: 'restore',
        value: restoreSpec(places.bucket, {
          manifestKey: results[0]?.manifest_key ?? '',
          manifestSha256: '0'.repeat(64),
        }),
      },
    })
    await attempts.idle()
    expect(results[1]).toMatchObject({ outcome: 'failed', failure: { code: 'backup.corrupt' } })
    expect(engine.calls).not.toContain('openRestore')
  })

  it('a restore that takes longer than it may is ended with that reason, and what it made is removed', async () => {
    await using folder = await temporaryFolder('attempts')
    const server = join(folder.path, 'server')
    await mkdir(server)
    const engine = fakeEngine({ folder: server, consumer: 'cat >> "$1"; exec sleep 600' })
    const clock = systemClock
    const { attempts, backup, started, results, places } = await bench(folder.path, { engine, clock })
    await started(backup(newAttempt()))
    await attempts.idle()
    const { manifest_key: manifestKey = '', manifest } = results[0] ?? {}
    const manifestSha256 = createHash('sha256')
      .update(Buffer.from(manifest ?? '', 'base64'))
      .digest('hex')
    await started({
      attempt: newAttempt(),
      kind: JobKind.RESTORE,
      spec: {
        $case: 'restore',
        value: restoreSpec(places.bucket, { manifestKey, manifestSha256, timeoutMs: 1_500 }),
      },
    })
    await attempts.idle()
    expect(results[1]).toMatchObject({
      outcome: 'failed',
      failure: { code: 'job.timed-out', context: { timeout_ms: 1_500 } },
    })
    expect(engine.calls).toContain('openRestore')
    expect(engine.calls).toContain('abandon')
    expect(engine.calls).not.toContain('commit')
    expect(await readdir(server)).toEqual([])
  })

  it('J7, J11: a delete that names a backup with a manifest deletes nothing of it', async () => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, backup, started, results, places, frames } = await bench(folder.path)
    await started(backup(newAttempt()))
    await attempts.idle()
    const before = await bucketContent(places.bucket)
    const debris = newAttempt()
    const prefix = (results[0]?.attempt_prefix ?? '').replace(/att_[^/]+/, debris.attemptId)
    const store = openDirectoryStore(places.bucket)
    await store.put(objectKey(`${prefix}000-full.sql`), Buffer.from('debris'))
    await store.createUpload(objectKey(`${prefix}001-full.sql`))
    const attempt = newAttempt()
    await started({
      attempt,
      kind: JobKind.DELETE,
      spec: {
        $case: 'delete',
        value: deleteSpec(places.bucket, {
          attemptPrefixes: [prefix, results[0]?.attempt_prefix ?? ''],
          keys: before.objects.filter(key => key.startsWith('v1/data/')),
        }),
      },
    })
    const answered = new Set<string>()
    await waitUntil(
      () => {
        for (const frame of frames) {
          if (frame.$case !== 'grantRequest' || answered.has(frame.value.grantId)) continue
          answered.add(frame.value.grantId)
          attempts.grant({ attempt, grantId: frame.value.grantId, granted: true, reason: '' })
        }
        return results.length === 2
      },
      { what: 'the delete to end' },
    )
    expect(results[1]).toMatchObject({ outcome: 'failed', failure: { code: 'conflict' } })
    expect(await bucketContent(places.bucket)).toEqual({ ...before, uploads: [] })
    expect(answered.size).toBe(2)
  })

  it.each([
    ['the whole bucket', ''],
    ['all data', 'v1/data/'],
    ['a database', 'v1/data/a~0/b~0/'],
    ['manifests', 'v1/manifests/2026/11/22/'],
  ])('a delete of %s is declined: only folders of attempts are', async (_what, prefix) => {
    await using folder = await temporaryFolder('attempts')
    const { attempts, places, seen } = await bench(folder.path)
    attempts.assign({
      attempt: newAttempt(),
      kind: JobKind.DELETE,
      spec: { $case: 'delete', value: deleteSpec(places.bucket, { attemptPrefixes: [prefix] }) },
    })
    expect(await seen('declined')).toMatchObject({ value: { failure: { code: 'request.invalid' } } })
  })

  it('an upload that is gone when a restarted agent completes it: failed, with the finished objects as debris', async () => {
    await using folder = await temporaryFolder('attempts')
    const first = await bench(folder.path, { engine: fakeEngine({ streams: ['seq 1 10', 'seq 1 10'] }) })
    const leaving = new AbortController()
    // dies (leaves) after the first of two completes
    const dying = await bench(folder.path, {
      engine: fakeEngine({ streams: ['seq 1 10', 'seq 1 10'] }),
      store: () => {
        const store = openDirectoryStore(join(folder.path, 'bucket'))
        const { completeUpload } = store
        let count = 0
        return Object.assign(store, {
          completeUpload: async (...args: Parameters<typeof completeUpload>) => {
            if (++count === 2) {
              leaving.abort()
              await waitUntil(() => stopping !== undefined, { what: 'the stop' })
              throw new AppError('object-store.unreachable')
            }
            await completeUpload.apply(store, args)
          },
        })
      },
    })
    let stopping: Promise<void> | undefined
    leaving.signal.addEventListener('abort', () => {
      stopping = dying.attempts.stop(AbortSignal.abort())
    })
    await dying.started(dying.backup(newAttempt()))
    await waitUntil(() => stopping !== undefined, { what: 'the stop' })
    await stopping
    const store = openDirectoryStore(first.places.bucket)
    for await (const upload of store.listUploads('')) await store.abortUpload(upload)

    await first.attempts.recoverAll()
    await first.attempts.idle()
    const { objects, uploads } = await bucketContent(first.places.bucket)
    expect(uploads).toEqual([])
    expect(objects).toHaveLength(1)
    expect(first.results).toMatchObject([
      { outcome: 'failed', failure: { code: 'object-store.upload-gone' }, debris: objects },
    ])
  })
})
