import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DumpOptions, Engine, InstanceTarget } from '../../../agent/engines/port.ts'
import { postgres } from '../../../agent/engines/postgres/engine.ts'
import { backupRecipe } from '../../../agent/jobs/backup.ts'
import { conduct } from '../../../agent/jobs/conduct.ts'
import type { Recipe } from '../../../agent/jobs/recipe.ts'
import { recover } from '../../../agent/jobs/recover.ts'
import { restoreRecipe } from '../../../agent/jobs/restore.ts'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import type { AttemptProgress, AttemptVoice, Surroundings } from '../../../agent/jobs/surroundings.ts'
import { PartBudget } from '../../../agent/pipeline/index.ts'
import { createToolFinder } from '../../../agent/process/index.ts'
import { createLogger } from '../../../shared/log/index.ts'
import { type Manifest, manifestSchema } from '../../../shared/model/manifest.ts'
import type { AttemptRef } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import {
  backupSpec,
  bucketContent,
  folders,
  makeWorld,
  newAttempt,
  restoreSpec,
} from '../../agent/jobs/world.ts'
import { copyFixture, fixtureManifests } from '../../compatibility/fixture.ts'
import {
  type PostgresServer,
  provisionTool,
  requireServers,
  startPostgres,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'

const servers = await requireServers('PostgreSQL by streams, through the pipeline', 'postgres', 'pv', 'zstd')

/** What must never leave in a failure or a log. */
const secret = 'SECRET-4711'

describe.skipIf(servers.missing)('PostgreSQL by streams, through the pipeline', () => {
  let server: PostgresServer
  let folder: TemporaryFolder
  let target: InstanceTarget
  let logged = ''
  let count = 0

  beforeAll(async () => {
    await provisionTool('pv')
    await provisionTool('zstd')
    folder = await temporaryFolder('streams-recipe')
    server = await startPostgres()
    target = {
      engine: 'postgres',
      host: server.host,
      port: server.port,
      user: server.user,
      passwordFile: server.passwordFile,
    }
  })
  afterAll(async () => {
    await server?.stop()
    await folder?.remove()
  })

  /** A world whose engine shares even small databases, with room for one stream's parts at a time. */
  const place = async (dumping: DumpOptions = {}) => {
    const root = join(folder.path, String(++count))
    await mkdir(root)
    const places = await folders(root)
    const engine: Engine = {
      ...postgres,
      openDump: (at, subject, context, options) =>
        postgres.openDump(at, subject, context, { ...options, sharedFrom: 256 * 1024, ...dumping }),
    }
    const world = await makeWorld(places, {
      engine,
      targetFor: () => target,
      tools: createToolFinder({ folders: [server.bin] }),
      budget: new PartBudget(16 << 20),
      log: createLogger({
        name: 'test',
        level: 'debug',
        format: 'json',
        destination: {
          write: line => {
            logged += line
          },
        },
      }),
    })
    return { places, world }
  }
  const backUp = (world: Surroundings, bucket: string, databaseName: string) => {
    const attempt = newAttempt()
    const spec = backupSpec(bucket, { databaseName, codec: 'zstd', streams: 3 })
    return ran(backupRecipe(spec, attempt, Date.now(), world), attempt, world)
  }
  const restore = (
    world: Surroundings,
    bucket: string,
    backup: Pick<AttemptResult, 'manifest_key'>,
    into: string,
  ) => {
    const attempt = newAttempt()
    const spec = restoreSpec(bucket, { manifestKey: backup.manifest_key ?? '', into, streams: 3 })
    return ran(restoreRecipe(spec, attempt, world), attempt, world)
  }
  const database = async (name: string, more = '') => {
    await server.createDatabase(name)
    await server.psql(
      `CREATE TABLE big (id serial PRIMARY KEY, pad text); INSERT INTO big (pad) SELECT repeat('x', 50) FROM generate_series(1, 5000);
       CREATE TABLE other AS SELECT i AS id, repeat('y', 50) AS pad FROM generate_series(1, 4500) i;
       CREATE TABLE small AS SELECT 1 AS one; SELECT lo_from_bytea(7, '\\xabcd'); ${more}`,
      name,
    )
  }

  it('backs up by streams at once, with one stream of part buffers, and restores them at once', async () => {
    await database('orders')
    const { places, world } = await place()
    const { result, progress } = await backUp(world, places.bucket, 'orders')
    expect(result).toMatchObject({ outcome: 'succeeded', debris: [] })
    const manifest = manifestOf(result)
    const names = manifest.streams.map(({ name }) => name)
    expect([...names].sort()).toEqual(['000-schema', '001-data', '002-data', '999-rest'])
    expect(names[0]).toBe('000-schema')
    for (const stream of manifest.streams)
      expect(stream.stages.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['pg_dump', 'meter', 'pg_restore', 'zstd']),
      )
    const most = Math.max(...progress.map(({ rawBytes }) => rawBytes))
    expect(most).toBe(Number(manifest.raw_bytes))

    const { result: restored } = await restore(world, places.bucket, result, 'orders copy')
    expect(restored).toMatchObject({ outcome: 'succeeded', raw_bytes: Number(manifest.raw_bytes) })
    const all = `select count(*), max(id), (select count(*) from other), (select one from small), nextval('big_id_seq'),
                        (select encode(lo_get(7), 'hex')), (select count(*) from pg_index where indrelid = 'big'::regclass) from big`
    expect(await server.psql(all, 'orders copy')).toBe('5000|5000|4500|1|5001|abcd|1')
    expect(world.budget.free).toBe(world.budget.total)
  })

  it('fails retryably and leaves nothing when the holder is lost in between', async () => {
    await database('holderless')
    const { places, world } = await place()
    const killed = openedWith(world, async () => {
      const sessions = (state: string) =>
        server.psql(
          `select count(*) from pg_stat_activity where application_name like 'holdfast dump%' and state ${state}`,
        )
      // not awaited by the dump: the streams run
      void waitUntil(async () => (await sessions(`<> 'idle in transaction'`)) !== '0', { what: 'a stream' })
        .then(() =>
          server.psql(
            `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'holdfast dump%' and state = 'idle in transaction'`,
          ),
        )
        .catch(() => '')
    })
    const { result } = await backUp(killed, places.bucket, 'holderless')
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'dump.snapshot-lost' } })
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
    await nothingLeft()
  })

  it('lets production go on: a stream behind DDL that waits for the holder ends the attempt, all else with it', async () => {
    await database('busy')
    const { places, world } = await place()
    let truncated: Promise<string> | undefined
    const meanwhile = openedWith(world, async () => {
      truncated = server.psql('TRUNCATE big; SELECT count(*) FROM big', 'busy')
      await waitUntil(
        async () => (await server.psql('select count(*) from pg_locks where not granted')) !== '0',
        {
          what: 'the TRUNCATE to wait',
        },
      )
    })
    const { result } = await backUp(meanwhile, places.bucket, 'busy')
    expect(await truncated).toBe('0')
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'database.conflict' } })
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
    await nothingLeft()
  })

  it.each([
    [
      'a row that the copy refuses',
      `CREATE FUNCTION here() RETURNS boolean LANGUAGE sql AS $$ SELECT current_database() = 'leaky_1' $$;
       CREATE DOMAIN guarded AS text CHECK (public.here()); CREATE TABLE t (v guarded); INSERT INTO t VALUES ('${secret}')`,
    ],
    [
      'an index that its own function refuses',
      `CREATE FUNCTION f(t text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF current_database() <> 'leaky_2' THEN RAISE EXCEPTION 'bad value %', t; END IF; RETURN t; END $$;
       CREATE TABLE t (v text); INSERT INTO t VALUES ('${secret}'); CREATE INDEX ON t (public.f(v))`,
    ],
    [
      'a value that cannot be read',
      `CREATE FUNCTION g(t text) RETURNS int IMMUTABLE LANGUAGE sql AS $$ SELECT CASE WHEN current_database() = 'leaky_3' THEN 1 ELSE t::int END $$;
       CREATE TABLE t (v text); INSERT INTO t VALUES ('${secret}'); CREATE INDEX ON t (public.g(v))`,
    ],
  ])('passes no row on when a restore fails at %s', async (label, sql) => {
    const name = `leaky_${label.startsWith('a row') ? 1 : label.startsWith('an index') ? 2 : 3}`
    await database(name, sql)
    const { places, world } = await place()
    const { result } = await backUp(world, places.bucket, name)
    expect(result).toMatchObject({ outcome: 'succeeded' })
    const { result: failed } = await restore(world, places.bucket, result, `${name}_copy`)
    expect(failed.outcome).toBe('failed')
    expect(JSON.stringify(failed.failure)).toMatch(/pg_restore/)
    expect(JSON.stringify(failed.failure)).not.toContain(secret)
    expect(logged).not.toContain(secret)
    expect(await server.psql(`select datname from pg_database where datname like '${name}\\_%'`)).toBe('')
  })

  it('drops the hidden database of a restore that its agent left behind, when that agent is back', async () => {
    await database('abandoned')
    const { places, world } = await place()
    const { result } = await backUp(world, places.bucket, 'abandoned')
    const attempt = newAttempt()
    const spec = restoreSpec(places.bucket, { manifestKey: result.manifest_key ?? '', into: 'back again' })
    const hidden = () =>
      server.psql(`select count(*) from pg_database where datname like 'back again\\_\\_restoring%'`)
    // an agent that dies in the middle: its journal says open, its hidden database is there
    const dying = new AbortController()
    const died = ran(restoreRecipe(spec, attempt, world), attempt, world, {
      grant: async () => {
        dying.abort()
        await new Promise(() => {})
      },
    })
    void died
    await waitUntil(() => dying.signal.aborted, { what: 'the restore to ask' })
    expect(await hidden()).toBe('1')
    const record = (await world.journal.records()).find(each => each.attempt.attempt_id === attempt.attemptId)
    if (record === undefined) throw new Error('no record')
    const recovered = await recover(record, world, new AbortController().signal)
    expect(recovered).toMatchObject({
      outcome: 'failed',
      failure: { code: 'job.lost-guarded', message: expect.stringContaining('dropped') },
    })
    expect(await hidden()).toBe('0')
  })

  it('restores a backup of an earlier version: one archive, as it was written then', async () => {
    const { places, world } = await place()
    copyFixture('bucket-v1', places.bucket)
    const found = fixtureManifests()
      .filter(([path]) => path.startsWith('bucket-v1/'))
      .map(([path, bytes]) => [path, manifestSchema.parse(JSON.parse(bytes.toString('utf8')))] as const)
      .find(([, { engine, scope }]) => engine.kind === 'postgres' && scope === 'database')
    if (found === undefined) throw new Error('no fixture')
    for (const role of found[1].requirements.roles) if (role !== 'postgres') await server.createRole(role)
    expect(found[1].streams.map(({ name }) => name)).toEqual(['000-full'])
    const { result } = await restore(
      world,
      places.bucket,
      { manifest_key: found[0].replace('bucket-v1/', '') },
      'earlier',
    )
    expect(result.failure).toBeUndefined()
    expect(await server.psql('select count(*) from customer', 'earlier')).not.toBe('0')
  })

  /** A world in which something happens between snapshot and first stream. */
  function openedWith(world: Surroundings, meanwhile: () => Promise<void>): Surroundings {
    const engine = world.engineFor('postgres')
    const meddled: Engine = {
      ...engine,
      openDump: async (...args) => {
        const session = await engine.openDump(...args)
        await meanwhile()
        return session
      },
    }
    return { ...world, engineFor: () => meddled }
  }

  async function nothingLeft(): Promise<void> {
    await waitUntil(
      async () =>
        (await server.psql(
          `select count(*) from pg_stat_activity where application_name like 'holdfast%'`,
        )) === '0',
      { what: 'our sessions to end' },
    )
  }
})

function manifestOf(result: AttemptResult): Manifest {
  return manifestSchema.parse(JSON.parse(Buffer.from(result.manifest ?? '', 'base64').toString('utf8')))
}

async function ran(
  recipe: Recipe,
  attempt: AttemptRef,
  world: Surroundings,
  changes: Partial<AttemptVoice> = {},
): Promise<{ readonly result: AttemptResult; readonly progress: readonly AttemptProgress[] }> {
  const progress: AttemptProgress[] = []
  await recipe.preflight()
  const result = await conduct({
    recipe,
    attempt,
    startedAt: Date.now(),
    world,
    voice: {
      signal: new AbortController().signal,
      leaving: new AbortController().signal,
      progress: each => progress.push(each),
      touching: () => {},
      uploadOpened: () => {},
      uploadClosed: () => {},
      children: () => {},
      grant: async () => {},
      committing: () => {},
      ...changes,
    },
    counted: () => ({ rawBytes: 0, storedBytes: 0, peakRssBytes: 0 }),
  })
  if (result === undefined) throw new Error('nobody told it to leave')
  return { result, progress }
}
