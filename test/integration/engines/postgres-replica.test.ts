import { chmod, chown } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import type { InstanceTarget } from '../../../agent/engines/port.ts'
import {
  freePort,
  type OwnedProcess,
  type PostgresServer,
  requireServers,
  run,
  startPostgres,
  startProcess,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { contextIn, dumpTo, restoreFrom } from './round-trip.ts'

const servers = await requireServers('the PostgreSQL engine on a replica', 'postgres')
const postgres = engineFor('postgres')
const nobody = 65534

describe.skipIf(servers.missing)('the PostgreSQL engine on a replica', () => {
  let primary: PostgresServer
  let replica: OwnedProcess
  let folder: TemporaryFolder
  let target: InstanceTarget

  beforeAll(async () => {
    primary = await startPostgres()
    folder = await temporaryFolder('engine-replica')
    const data = join(folder.path, 'data')
    const port = await freePort()
    const env = { ...process.env, PGPASSFILE: primary.pgpassFile }
    const from = ['-h', primary.host, '-p', String(primary.port), '-U', primary.user]
    await run(join(primary.bin, 'pg_basebackup'), [...from, '-D', data, '-R', '-X', 'stream', '-c', 'fast'], {
      env,
    })
    if (process.getuid?.() === 0) {
      await chmod(folder.path, 0o711)
      await run('chown', ['-R', `${nobody}:${nobody}`, data])
      await chown(data, nobody, nobody)
    }
    replica = await startProcess(
      join(primary.bin, 'postgres'),
      [
        '-D',
        data,
        ...['-c', `port=${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
        ...[
          '-c',
          'max_connections=60',
          '-c',
          `primary_conninfo=host=${primary.host} port=${primary.port} user=${primary.user} password=${primary.password}`,
        ],
      ],
      { name: 'replica', asNobody: true, logFile: join(folder.path, 'log'), cwd: '/' },
    )
    target = {
      engine: 'postgres',
      host: primary.host,
      port,
      user: primary.user,
      passwordFile: primary.passwordFile,
    }
    await waitUntil(
      async () =>
        (
          await run(join(primary.bin, 'pg_isready'), ['-q', '-h', target.host, '-p', String(port)], {
            allowFailure: true,
          })
        ).code === 0,
      { what: 'the replica to answer', timeout: 30_000 },
    )
  })
  afterAll(async () => {
    await replica?.stop('SIGQUIT')
    await primary?.stop()
    await folder?.remove()
  })

  const context = () => contextIn(folder.path, { bin: primary.bin })

  it('is known as one, with its lag', async () => {
    const probe = await postgres.probe(target, await context())
    expect(probe.role).toBe('replica')
    expect(probe.replicationLagMs).toBeGreaterThanOrEqual(0)
  })

  it('dates the data by what was replayed, not by its clock (P1), and dumps it', async () => {
    await primary.createDatabase('replicated')
    await primary.psql('CREATE TABLE t AS SELECT generate_series(1, 100) AS i', 'replicated')
    await waitUntil(
      async () => {
        const found = await postgres.inventory(target, await context())
        return found.some(one => one.name === 'replicated')
      },
      { what: 'the database to arrive' },
    )
    const replayed = async () => {
      const env = { ...process.env, PGPASSFILE: primary.pgpassFile }
      const at = ['-h', target.host, '-p', String(target.port), '-U', primary.user, '-d', 'postgres']
      const ask = 'select floor(extract(epoch from pg_last_xact_replay_timestamp()) * 1000)'
      return Number((await run(join(primary.bin, 'psql'), [...at, '-Atc', ask], { env })).stdout.trim())
    }
    const before = await replayed()
    const { session, source, fileOf } = await dumpTo(
      folder.path,
      postgres,
      target,
      'replicated',
      await context(),
    )
    expect(session.dataAsOf).toBeGreaterThanOrEqual(before)
    expect(session.dataAsOf).toBeLessThanOrEqual(await replayed())
    expect(session.position?.kind).toBe('lsn')
    const home = { ...target, port: primary.port }
    await restoreFrom(postgres, home, source, fileOf, 'from replica', await context())
    expect(await primary.psql('SELECT count(*) FROM t', 'from replica')).toBe('100')
  })

  it.each([
    ['replay_lag_limit', { replayLagLimit: 1_500 }],
    ['replay_backlog_limit', { replayBacklogLimit: 200_000 }],
  ])('ends itself when the replica falls behind what it received (P6): %s', async (setting, limits) => {
    await primary.createDatabase(setting)
    await waitUntil(
      async () => (await postgres.inventory(target, await context())).some(one => one.name === setting),
      { what: 'the database to arrive' },
    )
    const session = await postgres.openDump(
      target,
      { scope: 'database', name: setting },
      await context(),
      limits,
    )
    const home = { ...process.env, PGPASSFILE: primary.pgpassFile }
    const onReplica = (sql: string) => {
      const at = ['-h', target.host, '-p', String(target.port), '-U', primary.user, '-d', 'postgres']
      return run(join(primary.bin, 'psql'), [...at, '-Atc', sql], { env: home })
    }
    try {
      await onReplica('select pg_wal_replay_pause()')
      await primary.psql('CREATE TABLE more AS SELECT generate_series(1, 20000) AS i', setting)
      await waitUntil(() => session.broken?.aborted === true, { what: 'the dump to end itself' })
      expect(session.broken?.reason).toMatchObject({ code: 'dump.holds-back', context: { setting } })
    } finally {
      await onReplica('select pg_wal_replay_resume()')
      await session.close()
    }
  })

  it('counts in a snapshot of its own, without what a replica does not have (P5)', async () => {
    await primary.createDatabase('counted')
    await primary.psql(
      `CREATE UNLOGGED TABLE quick AS SELECT 1; CREATE TABLE t (id serial);
       INSERT INTO t SELECT FROM generate_series(1, 40)`,
      'counted',
    )
    await waitUntil(
      async () =>
        (await postgres.inventory(target, await context())).some(({ name }) => name === 'counted') &&
        (await primary.psql(
          'SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication',
        )) === 't',
      { what: 'the rows to arrive' },
    )
    const dump = await postgres.openDump(target, { scope: 'database', name: 'counted' }, await context(), {
      census: true,
    })
    try {
      expect(await dump.census?.(new AbortController().signal)).toMatchObject({
        tables: [{ schema: 'public', name: 't', rows: '40' }],
        sequences: [{ schema: 'public', name: 't_id_seq' }],
        skipped: [{ name: 'public.quick', reason: expect.stringContaining('unlogged') }],
      })
      expect(dump.warnings).toEqual([])
    } finally {
      await dump.close()
    }
  })
})
