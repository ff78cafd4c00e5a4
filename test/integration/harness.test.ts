import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { describe, expect, test } from 'vitest'

import {
  freePort,
  processAlive,
  provision,
  requireServers,
  run,
  startConsul,
  startMariadb,
  startPostgres,
  startProcess,
  startS3,
  temporaryFolder,
  waitUntil,
  webhookSink,
} from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'

const harness = join(projectRoot, 'test/harness/index.ts')

// A process of its own that runs a few lines against the harness, and is ended from here
async function runner(folder: string, lines: string) {
  const logFile = join(folder, 'output')
  const program = `import * as harness from '${harness}'\n${lines}\nconsole.log('READY')\nsetInterval(() => {}, 1_000)`
  const child = await startProcess(process.execPath, ['--input-type=module-typescript', '-e', program], {
    name: 'runner',
    logFile,
    // Its servers are its own: the broker of this run would give it the shared ones
    env: { ...process.env, HOLDFAST_TEST_BROKER: '' },
  })
  const output = () => readFileSync(logFile, 'utf8')
  await waitUntil(() => output().includes('READY') || !child.running, { what: 'the runner', timeout: 60_000 })
  if (!child.running) throw new Error(output())
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(output())?.[1] ?? ''
  return { child, value }
}

describe('the small things', () => {
  test('waitUntil says what it waited for, and keeps the last error as its cause', async () => {
    const failing = waitUntil(
      () => {
        throw new Error('not yet')
      },
      { what: 'a condition', timeout: 30, interval: 5 },
    )
    await expect(failing).rejects.toThrow('timed out after 30 ms waiting for a condition')
    await expect(failing).rejects.toMatchObject({ cause: { message: 'not yet' } })
  })

  test('a command that fails is an error with its stderr', async () => {
    await expect(run('sh', ['-c', 'echo broken >&2; exit 3'])).rejects.toThrow('sh ended with 3: broken')
    await expect(run('/nonexistent/tool', [])).rejects.toThrow('/nonexistent/tool could not be started')
  })

  test('a process that cannot be started is an error, one that ignores SIGTERM is killed', async () => {
    await using folder = await temporaryFolder()
    const logFile = join(folder.path, 'log')
    const stubborn = await startProcess('sh', ['-c', 'trap "" TERM; echo on; while :; do sleep 0.1; done'], {
      name: 'stubborn',
      logFile,
    })
    await waitUntil(() => readFileSync(logFile, 'utf8').includes('on'), { what: 'the trap' })
    expect(await stubborn.stop('SIGTERM', 50)).toEqual({ code: null, signal: 'SIGKILL' })
    expect(processAlive(stubborn.pid)).toBe(false)
  })

  test('a temporary folder goes with what it holds', async () => {
    const folder = await temporaryFolder()
    await run('sh', ['-c', 'mkdir -p a/b && echo > a/b/c'], { cwd: folder.path })
    await folder.remove()
    expect(existsSync(folder.path)).toBe(false)
  })

  test('the sink records what it refused, dropped and took', async () => {
    await using sink = await webhookSink()
    const post = (text: string) => fetch(sink.url, { method: 'POST', body: JSON.stringify({ text }) })
    sink.refuse(503)
    sink.drop()
    expect((await post('one')).status).toBe(503)
    await expect(post('two')).rejects.toThrow()
    expect((await post('three')).status).toBe(200)
    const requests = await sink.received(3)
    expect(requests.map(({ answered }) => answered)).toEqual([503, 'dropped', 200])
    expect(sink.accepted.map(request => request.json())).toEqual([{ text: 'three' }])
  })
})

describe('nothing outlives the process that started it', () => {
  test.for(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    '%s leaves no child and no temporary folder',
    async signal => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-runner-'))
      try {
        const { child, value } = await runner(
          folder,
          `const folder = await harness.temporaryFolder()
         const sleeper = await harness.startProcess('sleep', ['600'], { name: 'sleeper' })
         console.log('folder=' + folder.path)
         console.log('pid=' + sleeper.pid)`,
        )
        const pid = Number(value('pid'))
        expect(processAlive(pid)).toBe(true)
        expect(existsSync(value('folder'))).toBe(true)
        await child.stop(signal)
        await waitUntil(() => !processAlive(pid), { what: 'the child to die' })
        await waitUntil(() => !existsSync(join(value('folder'), '..')), { what: 'the folders to go' })
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  )
})

describe('provisioning', () => {
  test('what cannot be had has a reason in one line', async () => {
    const env = { ...process.env, HOLDFAST_PROVISION: 'off', HOLDFAST_CACHE: '/nonexistent' }
    const done = await run(join(projectRoot, 'deploy/services/provision'), ['s3'], {
      env,
      allowFailure: true,
    })
    expect(done.code).toBe(1)
    expect(done.stderr.trim()).toBe(
      's3: cannot be had: s3 is not on this host, and HOLDFAST_PROVISION=off forbids fetching it',
    )
  })

  test('a fetch that fails names its reason last, and leaves no tree that looks complete', async () => {
    await using cache = await temporaryFolder('cache')
    const root = join(cache.path, 'tree')
    const debs = join(projectRoot, 'deploy/services/debs')
    // A mirror that refuses connections: apt is told nothing about the real one
    const env = { ...process.env, http_proxy: `http://127.0.0.1:${await freePort()}` }
    const done = await run(debs, ['bookworm', root, 'pv'], { env, allowFailure: true })
    expect(done.code).not.toBe(0)
    expect(done.stderr.trim().split('\n').at(-1)).toMatch(
      /^the package lists of Debian bookworm could not be fetched from /,
    )
    expect(existsSync(join(root, '.complete'))).toBe(false)
  })

  test('the host tools of the pipeline are on PATH', async () => {
    for (const tool of ['pv', 'zstd'] as const) {
      const found = await provision(tool)
      if (found.available) expect((await run(tool, ['--version'])).code).toBe(0)
    }
  })
})

const postgres = await requireServers('harness: PostgreSQL', 'postgres')
describe.skipIf(postgres.missing)('PostgreSQL', () => {
  test('takes any database name, keeps data over kill -9, and leaves nothing', async () => {
    const server = await startPostgres({ settings: { wal_level: 'logical' } })
    const { pid } = server
    const name = `Ünï "quoted" 'x' a=b postgresql://y/%z`
    await server.createDatabase(name)
    await server.psql('CREATE TABLE t AS SELECT 41 AS n', name)
    await server.kill('SIGKILL')
    await server.restart()
    expect(await server.psql('SELECT n + 1, current_database() FROM t; SHOW wal_level', name)).toBe(
      `42|${name}\nlogical`,
    )
    await expect(server.psql('SELECT nonsense')).rejects.toThrow('column "nonsense" does not exist')
    await server.stop()
    expect(processAlive(pid)).toBe(false)
    expect(existsSync(server.passwordFile)).toBe(false)
  })

  test('refuses a wrong password; a new role gets in with its own, from files no one else reads', async () => {
    await using server = await startPostgres()
    const role = await server.createRole(`back:up's`, 'IN ROLE pg_read_all_data')
    const select = (passfile: string) =>
      run(join(server.bin, 'psql'), ['-XAtc', 'SELECT current_user'], {
        env: {
          ...process.env,
          PGHOST: server.host,
          PGPORT: String(server.port),
          PGUSER: role.user,
          PGPASSFILE: passfile,
          PGDATABASE: 'postgres',
        },
        allowFailure: true,
      })
    expect((await select(role.pgpassFile)).stdout.trim()).toBe(role.user)
    expect((await select(server.pgpassFile)).code).not.toBe(0)
    for (const file of [role.passwordFile, role.pgpassFile]) expect(statSync(file).mode & 0o777).toBe(0o600)

    // no two are of one cluster, and neither lets the other's superuser in
    await using other = await startPostgres()
    const identity = 'SELECT system_identifier FROM pg_control_system()'
    expect(await server.psql(identity)).not.toBe(await other.psql(identity))
    await expect(
      run(join(server.bin, 'psql'), ['-XAtc', 'SELECT 1', 'postgres'], {
        env: {
          ...process.env,
          ...{
            PGHOST: other.host,
            PGPORT: String(other.port),
            PGUSER: 'postgres',
            PGPASSFILE: server.pgpassFile,
          },
        },
      }),
    ).rejects.toThrow('password authentication failed')

    // asked over a connection or with psql, the answer is the same
    for (const statements of [
      `SELECT NULL, true, 1.50, '{a,"b c"}'::text[], decode('ff', 'hex'), E'a;b' AS "c;d"; SELECT 'it''s; so'; -- none; here
       /* nor; here */ SELECT $x$;$$;$x$`,
      'CREATE TABLE r (i int); INSERT INTO r VALUES (1), (2) RETURNING i; DO $$ BEGIN PERFORM 1; END $$; DROP TABLE r',
      `CREATE DATABASE made; SELECT datname FROM pg_database WHERE datname = 'made'; DROP DATABASE made;`,
      'SELECT 1 WHERE false',
    ])
      expect(await other.psql(statements), statements).toBe(await other.psql(`${statements}\n\\unset none`))
    await expect(other.psql('SELECT 1; SELECT nonsense')).rejects.toThrow('ERROR:  column "nonsense"')
  })
})

const mariadb = await requireServers('harness: MariaDB', 'mariadb')
describe.skipIf(mariadb.missing)('MariaDB', () => {
  test('keeps data over kill -9; its tools log in by option file', async () => {
    await using server = await startMariadb()
    await server.createDatabase('ü`x')
    await server.sql(`CREATE TABLE t AS SELECT 41 AS n, '😀' AS face`, 'ü`x')
    await server.kill('SIGKILL')
    await server.restart()
    expect(await server.sql('SELECT n + 1, face FROM t', 'ü`x')).toBe('42\t😀')
    await expect(server.sql('SELECT nonsense')).rejects.toThrow(`Unknown column 'nonsense'`)
    const user = await server.createUser('backup', 'SELECT, SHOW VIEW ON *.*')
    const login = [
      `--defaults-extra-file=${user.optionFile}`,
      `--host=${server.host}`,
      `--port=${server.port}`,
    ]
    const dump = await run(join(server.bin, 'mariadb-dump'), [
      ...login,
      '--protocol=tcp',
      '--skip-lock-tables',
      'ü`x',
    ])
    expect(dump.stdout).toContain('-- Dump completed')
  })
})

const consul = await requireServers('harness: Consul', 'consul')
describe.skipIf(consul.missing)('Consul', () => {
  test('registers and forgets services with their meta', async () => {
    await using server = await startConsul()
    await server.register({
      name: 'db',
      id: 'db-1',
      port: 5432,
      tags: ['main'],
      meta: { engine: 'postgres' },
    })
    expect(await server.request('GET', '/v1/catalog/service/db')).toMatchObject([
      { ServiceID: 'db-1', ServicePort: 5432, ServiceMeta: { engine: 'postgres' } },
    ])
    await server.deregister('db-1')
    await waitUntil(
      async () => ((await server.request('GET', '/v1/catalog/service/db')) as unknown[]).length === 0,
      {
        what: 'the service to go',
      },
    )
  })

  test('with ACLs a missing token looks like no services; a reading token sees them', async () => {
    await using server = await startConsul({ acl: true })
    await server.register({ name: 'db', port: 5432 })
    const token = await server.createToken(
      'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }',
    )
    const services = async (headers: Record<string, string>) => {
      const answer = await fetch(`${server.url}/v1/catalog/service/db`, { headers })
      return { status: answer.status, count: ((await answer.json()) as unknown[]).length }
    }
    expect(await services({})).toEqual({ status: 200, count: 0 })
    expect(await services({ 'x-consul-token': token })).toEqual({ status: 200, count: 1 })
  })
})

const s3 = await requireServers('harness: S3', 's3')
describe.skipIf(s3.missing)('S3', () => {
  test('the shared server gives each test its own bucket and cannot be killed by one', async () => {
    await using server = await startS3()
    const [one, two] = [await server.createBucket(), await server.createBucket()]
    expect(one).not.toBe(two)
    await server.client().send(new PutObjectCommand({ Bucket: one, Key: 'ü/%', Body: 'x' }))
    const object = await server.client().send(new GetObjectCommand({ Bucket: one, Key: 'ü/%' }))
    expect(await object.Body?.transformToString()).toBe('x')
    expect((await server.client().send(new ListObjectsV2Command({ Bucket: two }))).KeyCount).toBe(0)
    await expect(server.kill('SIGKILL')).rejects.toThrow('dedicated: true')
  })

  test('a dedicated server keeps its objects over kill -9', { timeout: 60_000 }, async () => {
    await using server = await startS3({ dedicated: true })
    const bucket = await server.createBucket()
    await server.client().send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'kept' }))
    await server.kill('SIGKILL')
    await new Promise<void>(resolve => {
      connect(Number(new URL(server.endpoint).port), '127.0.0.1').on('error', () => resolve())
    })
    await server.restart()
    const object = await server.client().send(new GetObjectCommand({ Bucket: bucket, Key: 'k' }))
    expect(await object.Body?.transformToString()).toBe('kept')
  })
})
