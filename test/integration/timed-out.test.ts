import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../agent/engines/index.ts'
import { Attempts } from '../../agent/jobs/attempts.ts'
import type { Frame } from '../../agent/jobs/frame.ts'
import type { AttemptResult } from '../../agent/jobs/result.ts'
import { createToolFinder } from '../../agent/process/index.ts'
import { traitsOf } from '../../shared/errors/index.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { backupSpec, bucketContent, folders, makeWorld, newAttempt } from '../agent/jobs/world.ts'
import {
  type PostgresServer,
  requireServers,
  startPostgres,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'

const servers = await requireServers('attempts that take too long', 'postgres', 'pv')

describe.skipIf(servers.missing)('a real dump that takes longer than its policy allows', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('slow')
    await server.psql(
      'create table t as select g, repeat(md5(g::text), 8) h from generate_series(1, 40000) g',
      'slow',
    )
  })
  afterAll(async () => {
    await server?.stop()
  })

  async function attempt(timeoutMs: number, maxRate: number) {
    await using folder = await temporaryFolder('timed-out')
    const places = await folders(folder.path)
    const world = await makeWorld(places, {
      engineFor,
      tools: createToolFinder({ folders: [server.bin] }),
      targetFor: () => ({
        engine: 'postgres',
        host: server.host,
        port: server.port,
        user: server.user,
        passwordFile: server.passwordFile,
      }),
      scratch: join(places.state, 'scratch'),
    })
    const frames: Frame[] = []
    const results: AttemptResult[] = []
    const attempts = new Attempts({
      world,
      slots: 1,
      send: frame => frames.push(frame) > 0,
      onResult: result => results.push(result),
      onAsked: () => {},
    })
    const ref = newAttempt()
    const spec = backupSpec(places.bucket, { databaseName: 'slow', timeoutMs, maxRate })
    attempts.assign({ attempt: ref, kind: JobKind.BACKUP, spec: { $case: 'backup', value: spec } })
    await waitUntil(() => frames.some(each => each.$case === 'accepted'), { what: 'it to be accepted' })
    attempts.start(ref)
    const result = await waitUntil(() => results[0], { what: 'its end', timeout: 60_000 })
    return { result, content: await bucketContent(places.bucket) }
  }

  it('is ended with a reason that is retried, its session and its uploads with it', {
    timeout: 90_000,
  }, async () => {
    const { result, content } = await attempt(1_500, 64 * 1024)
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { code: 'job.timed-out', context: { timeout_ms: 1_500 } },
      debris: [],
    })
    expect(traitsOf('job.timed-out').retry).toBe('backoff')
    expect(content).toEqual({ objects: [], uploads: [] })
    await waitUntil(
      async () =>
        (await server.psql("select count(*) from pg_stat_activity where datname = 'slow'")).trim() === '0',
      { what: 'no session of ours to be left' },
    )
  })

  it('and one that is in time knows nothing of it', { timeout: 90_000 }, async () => {
    const { result } = await attempt(60_000, 0)
    expect(result).toMatchObject({ outcome: 'succeeded' })
  })
})
