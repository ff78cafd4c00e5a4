import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDirectoryStore } from '../../shared/object-store/directory.ts'
import { objectKey } from '../../shared/object-store/port.ts'
import { identityFile } from '../agent/encryption/identities.ts'
import { fixtureManifests, fixtures } from '../compatibility/fixture.ts'
import {
  layStack,
  type MariadbServer,
  type PostgresServer,
  requireServers,
  run,
  type S3Server,
  type Stack,
  startKms,
  startMariadb,
  startPostgres,
  startProcess,
  startS3,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'
import { launcherEnvironment } from '../harness/launcher-environment.ts'
import { readManifestStrictly } from '../harness/manifest-schema.ts'
import { projectRoot } from '../harness/project-root.ts'

const runbooks = join(projectRoot, 'docs/runbooks')

/** The code block of a runbook that says it is run under this name. Throws when there is none. */
async function block(page: string, name: string): Promise<string> {
  const text = await readFile(join(runbooks, page), 'utf8')
  const [, after] = text.split(`<!-- run as written by test/integration/runbooks.test.ts: ${name} -->`)
  const found = /^\s*```\w+\n([\s\S]*?)^```$/m.exec(after ?? '')?.[1]
  if (found === undefined) throw new Error(`${page} has no block "${name}"`)
  return found
}

/** Runs shell text where Holdfast's commands are installed. */
function shell(script: string, env: Readonly<Record<string, string>>, ...folders: readonly string[]) {
  return run('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: env['WORK'] ?? '/tmp',
    env: {
      ...launcherEnvironment(),
      HOME: env['WORK'] ?? '/nonexistent',
      ...env,
      PATH: [...folders, join(projectRoot, 'bin'), process.env['PATH'] ?? ''].join(':'),
    },
    allowFailure: true,
  })
}

const good = (result: { readonly code: number | null; readonly stdout: string; readonly stderr: string }) => {
  expect(result.code, `${result.stdout}\n${result.stderr}`).toBe(0)
  return result.stdout
}

test('every block that says it is run here is', async () => {
  const own = await readFile(fileURLToPath(import.meta.url), 'utf8')
  for (const page of await readdir(runbooks)) {
    const text = await readFile(join(runbooks, page), 'utf8')
    for (const [, name] of text.matchAll(/<!-- run as written by \S+: ([\w-]+) -->/g))
      expect(own, `${page}: ${name}`).toContain(`'${page}', '${name}'`)
  }
})

const install = await requireServers('runbook: install an agent', 'postgres', 'pv', 'zstd')
describe.skipIf(install.missing)('agent-install.md for PostgreSQL', () => {
  test('its role and files back up all there is: large objects, hidden rows, other owners, globals', {
    timeout: 120_000,
  }, async () => {
    await using folder = await temporaryFolder('runbook')
    await using pg = await startPostgres()
    await pg.createDatabase('orders')
    await pg.psql(
      `create role owner; create schema closed authorization owner; set role owner;
       create table closed.rows as select generate_series(1, 100) as i; alter table closed.rows enable row level security;
       select lo_from_bytea(0, 'large'); create sequence closed.numbers; create materialized view closed.sums as select sum(i) from closed.rows`,
      'orders',
    )
    await pg.psql(await block('agent-install.md', 'postgres-role'))
    await pg.psql('create table closed.tomorrow as select 1 as i', 'orders')
    const env = {
      ...{ WORK: folder.path, ETC: join(folder.path, 'etc'), STATE: join(folder.path, 'state') },
      ...{ PASSWORD: 'change me', HOST: pg.host, PORT: String(pg.port) },
      STORE: `file://${join(folder.path, 'store')}`,
    }
    await mkdir(join(folder.path, 'store'))
    const shown = good(await shell(await block('agent-install.md', 'agent-files'), env))
    expect(shown).toContain('user: holdfast_backup')
    expect((await stat(join(folder.path, 'etc/postgres.secret'))).mode & 0o777).toBe(0o600)
    good(await shell(await block('agent-install.md', 'first-backup'), env, pg.bin))
    const manifests = await manifestsIn(join(folder.path, 'store'))
    expect(manifests.map(each => each.scope).toSorted()).toEqual(['cluster', 'database'])
    const dump = manifests.find(each => each.scope === 'database')
    const list = good(
      await shell(
        `zstd -dc "$WORK/store/${dump?.streams[0]?.objects[0]?.key}" | pg_restore --list`,
        env,
        pg.bin,
      ),
    )
    for (const part of ['TABLE DATA closed rows', 'TABLE DATA closed tomorrow', 'BLOB', 'POLICY'].slice(0, 3))
      expect(list).toContain(part)
    const rows = good(
      await shell(
        `zstd -dc "$WORK/store/${dump?.streams[0]?.objects[0]?.key}" | pg_restore --data-only -t rows -f - | grep -cE '^[0-9]+$'`,
        env,
        pg.bin,
      ),
    )
    expect(rows.trim()).toBe('100')
  })
})

const maria = await requireServers('runbook: install an agent for MariaDB', 'mariadb', 'pv', 'zstd')
describe.skipIf(maria.missing)('agent-install.md for MariaDB', () => {
  test('its role backs up all there is: views, triggers, routines, events', {
    timeout: 120_000,
  }, async () => {
    await using folder = await temporaryFolder('runbook')
    await using server = await startMariadb()
    await server.createDatabase('shop')
    await server.sql(
      `create table t (i int); create view v as select * from t; create trigger g before insert on t for each row set new.i = 1;
       create procedure p() select 1; create event e on schedule every 1 day do select 1; insert into t values (7)`,
      'shop',
    )
    await server.sql(await block('agent-install.md', 'mariadb-role'))
    await mkdir(join(folder.path, 'store'))
    const env = { WORK: folder.path, PORT: String(server.port) }
    good(
      await shell(
        `(umask 077; echo 'change me' > secret)
         holdfast-agent backup --engine mariadb --host 127.0.0.1 --port "$PORT" --user holdfast_backup --password-file secret \\
           --database shop --to "file://$WORK/store"`,
        env,
        server.bin,
      ),
    )
    const [manifest] = await manifestsIn(join(folder.path, 'store'))
    const sql = good(await shell(`zstd -dc "$WORK/store/${manifest?.streams[0]?.objects[0]?.key}"`, env))
    for (const part of [/VIEW `v`/, /trigger g/, /PROCEDURE `p`/, /EVENT `e`/, /INSERT INTO `t`/])
      expect(sql).toMatch(part)
  })
})

const cipher = await requireServers('runbook: restore an encrypted backup by hand', 'age', 'jq')
const byHand = await requireServers('runbook: restore by hand', 'postgres', 's3', 'zstd')
describe.skipIf(byHand.missing)('restore-by-hand.md for PostgreSQL', () => {
  let folder: TemporaryFolder
  let pg: PostgresServer
  let s3: S3Server
  beforeAll(async () => {
    ;[folder, pg, s3] = await Promise.all([temporaryFolder('runbook'), startPostgres(), startS3()])
  })
  afterAll(async () => {
    await pg?.stop()
    await folder?.remove()
  })
  const login = () => ({
    ...{ PGHOST: pg.host, PGPORT: String(pg.port), PGUSER: pg.user, PGPASSFILE: pg.pgpassFile },
    WORK: folder.path,
  })

  test('a database that was backed up by streams', { timeout: 120_000 }, async () => {
    await pg.createDatabase('streamed')
    await pg.psql(
      `create table big (id serial primary key, pad text); insert into big (pad) select repeat('x', 50) from generate_series(1, 5000);
       create table other as select i as id, repeat('y', 50) as pad from generate_series(1, 4500) i; create table last as select 1 as one`,
      'streamed',
    )
    const work = join(folder.path, 'streamed')
    await mkdir(join(work, 'store'), { recursive: true })
    const env = { ...login(), WORK: work, STORE: join(work, 'store'), PASSWORD: pg.passwordFile }
    const took = `holdfast-agent backup --engine postgres --host "$PGHOST" --port "$PGPORT" --user "$PGUSER" --password-file "$PASSWORD" \\
      --database streamed --to "file://$STORE" --streams 2 --streams-from 64KiB --state-dir "$WORK/state" -o json`
    const { backups } = JSON.parse(good(await shell(took, env, pg.bin)))
    const blocks = await Promise.all([
      block('restore-by-hand.md', 'get-folder'),
      block('restore-by-hand.md', 'objects'),
      block('restore-by-hand.md', 'postgres-streams'),
    ])
    const manifest = String(backups[0].manifest).replace(`file://${join(work, 'store')}/`, '')
    good(await shell(blocks.join('\n'), { ...env, MANIFEST: manifest, TARGET: 'by_hand' }, pg.bin))
    const [found] = await manifestsIn(join(work, 'store'))
    expect(found?.streams.map(({ name }) => name).toSorted()).toEqual([
      ...['000-schema', '001-data', '002-data', '999-rest'],
    ])
    expect(
      await pg.psql(
        `select count(*), (select count(*) from other), (select one from last), nextval('big_id_seq') from big`,
        'by_hand',
      ),
    ).toBe('5000|4500|1|5001')
  })

  test.skipIf(cipher.missing)(
    'an encrypted database: by an identity, and by the key that KMS wrapped',
    {
      timeout: 120_000,
    },
    async () => {
      const pages = {
        get: await block('restore-by-hand.md', 'get-folder'),
        objects: await block('restore-by-hand.md', 'objects'),
        encrypted: await block('restore-by-hand.md', 'encrypted'),
        unwrap: await block('restore-by-hand.md', 'unwrap'),
        postgres: await block('restore-by-hand.md', 'postgres'),
      }
      await using kms = await startKms()
      kms.createKey('backups')
      kms.allow('AKIABACKUP', 'Encrypt')
      kms.allow('AKIARESTORE', 'Decrypt')
      await pg.createDatabase('sealed')
      await pg.psql(
        `create table t as select i, repeat('x', 50) as pad from generate_series(1, 4000) i`,
        'sealed',
      )
      const work = join(folder.path, 'sealed')
      await mkdir(join(work, 'store'), { recursive: true })
      const mine = await identityFile(work, 'mine')
      const env = { ...login(), WORK: work, STORE: join(work, 'store'), PASSWORD: pg.passwordFile }
      const backup = async (flags: string) => {
        const took = `holdfast-agent backup --engine postgres --host "$PGHOST" --port "$PGPORT" --user "$PGUSER" --password-file "$PASSWORD" \\
        --database sealed --to "file://$STORE" --state-dir "$WORK/state" -o json ${flags}`
        const made = await shell(took, { ...env, ...kms.environment('AKIABACKUP') }, pg.bin)
        return String(JSON.parse(good(made)).backups[0].manifest).replace(
          `file://${join(work, 'store')}/`,
          '',
        )
      }
      const ways = [
        [await backup(`--recipient ${mine.recipient}`), ['encrypted'], { IDENTITY: mine.path }],
        [
          await backup('--kms-key alias/backups'),
          ['encrypted', 'unwrap'],
          { ...kms.environment('AKIARESTORE'), KMS: `${kms.endpoint}/` },
        ],
      ] as const
      for (const [index, [manifest, blocks, more]] of ways.entries()) {
        const target = `unsealed_${index}`
        const script = (['get', 'objects', ...blocks, 'postgres'] as const)
          .map(name => pages[name])
          .join('\n')
        good(await shell(script, { ...env, ...more, MANIFEST: manifest, TARGET: target }, pg.bin))
        expect(await pg.psql('select count(*), sum(i) from t', target)).toBe('4000|8002000')
      }
    },
  )

  test('from a folder and from S3 with curl, globals first, nothing of Holdfast', {
    timeout: 120_000,
  }, async () => {
    const bucket = await s3.createBucket()
    await upload(s3, bucket)
    const objects = await block('restore-by-hand.md', 'objects')
    const folderEnv = { ...login(), STORE: join(fixtures, 'bucket-v1') }
    const globals = await shell(
      [
        await block('restore-by-hand.md', 'get-folder'),
        objects,
        await block('restore-by-hand.md', 'globals'),
      ].join('\n'),
      { ...folderEnv, MANIFEST: keyOf('postgres', 'cluster') },
      pg.bin,
    )
    good(globals)
    expect(globals.stderr.match(/ERROR/g) ?? []).toHaveLength(1)
    const restore = await block('restore-by-hand.md', 'postgres')
    const ways = [
      [await block('restore-by-hand.md', 'get-folder'), folderEnv, 'from_folder'],
      [
        await block('restore-by-hand.md', 'get-curl'),
        { ...login(), ...s3.environment, STORE: `${s3.endpoint}/${bucket}/prod` },
        'from_s3',
      ],
    ] as const
    for (const [get, env, target] of ways) {
      good(
        await shell(
          [get, objects, restore].join('\n'),
          { ...env, MANIFEST: keyOf('postgres', 'database'), TARGET: target },
          pg.bin,
        ),
      )
      expect(
        await pg.psql('select count(*) from customer join invoice on customer.id = customer', target),
      ).toBe('20')
      expect(await pg.psql(`select tableowner from pg_tables where tablename = 'customer'`, target)).toBe(
        'app',
      )
      expect(await pg.psql('select lo_get(oid) from pg_largeobject_metadata', target)).toBe('\\x00ff10')
    }
  })

  test('several objects of several parts come back in order', async () => {
    const bucket = join(fixtures, 'agent-v1/told/bucket')
    const [key = ''] = fixtureManifests().flatMap(
      ([path]) => /^agent-v1\/told\/bucket\/(.*)$/.exec(path)?.[1] ?? [],
    )
    const script = [
      await block('restore-by-hand.md', 'get-folder'),
      await block('restore-by-hand.md', 'objects'),
    ]
    const read = await shell([...script, 'for key in $(objects); do get "$key"; done'].join('\n'), {
      WORK: folder.path,
      STORE: bucket,
      MANIFEST: key,
    })
    expect(good(read)).toBe(Array.from({ length: 800 }, (_, i) => `${i + 1}\n`).join(''))
  })
})

const mariaByHand = await requireServers('runbook: restore MariaDB by hand', 'mariadb', 'zstd')
describe.skipIf(mariaByHand.missing)('restore-by-hand.md for MariaDB', () => {
  let server: MariadbServer
  beforeAll(async () => {
    server = await startMariadb()
  })
  afterAll(() => server?.stop())

  test('from a folder, nothing of Holdfast', async () => {
    await using folder = await temporaryFolder('runbook')
    const script = await Promise.all([
      block('restore-by-hand.md', 'get-folder'),
      block('restore-by-hand.md', 'objects'),
      block('restore-by-hand.md', 'mariadb'),
    ])
    const env = {
      ...{ WORK: folder.path, STORE: join(fixtures, 'bucket-v1'), MANIFEST: keyOf('mariadb', 'database') },
      ...{ TARGET: 'back', OPTIONS: join(folder.path, 'my.cnf') },
    }
    await run('sh', [
      '-c',
      `umask 077; cat "$0" > "$1"; printf 'host=%s\\nport=%s\\n' "$2" "$3" >> "$1"`,
      server.optionFile,
      env.OPTIONS,
      server.host,
      String(server.port),
    ])
    good(await shell(script.join('\n'), env, server.bin))
    expect(await server.sql('select place from bin order by id', 'back')).toBe('Gang ß/1\n🎻')
  })
})

const lost = await requireServers('runbook: coordinator and host lost', 'postgres', 'pv', 'zstd')
const hasSqlite = (await run('sh', ['-c', 'sqlite3 --version'], { allowFailure: true })).code === 0
if (!hasSqlite) console.warn('SKIPPED: runbook: coordinator lost: sqlite3 is not on this host')

describe.skipIf(lost.missing || !hasSqlite)('coordinator-lost.md', () => {
  test('a store put back from its copy adopts what it missed; an empty one begins anew, and agents keep what it refuses', {
    timeout: 240_000,
  }, async () => {
    await using pg = await startPostgres()
    await pg.createDatabase('orders')
    const login = { engine: 'postgres', port: pg.port, user: pg.user, passwordFile: pg.passwordFile } as const
    await using stack = await layStack({ agents: [{ name: 'db', logins: [login] }] })
    await stack.start()
    await protectedNow(stack)
    const config = join(stack.folder, 'coordinator/coordinator.yaml')
    const env = {
      WORK: stack.folder,
      ...{ STORE_FILE: join(stack.folder, 'coordinator/holdfast.db'), COPY: join(stack.folder, 'copy.db') },
      CONFIG: config,
    }
    good(await shell(await block('coordinator-lost.md', 'copy'), env))
    const before = await backups()
    good(await stack.holdfast('backup', 'start', 'orders', '--wait'))
    const missed = (await backups()).filter(id => !before.includes(id))
    expect(missed).toHaveLength(1)
    await stack.coordinator.kill('SIGKILL')
    const again = await startProcess('bash', ['-euc', await block('coordinator-lost.md', 'put-back')], {
      name: 'coordinator',
      env: { ...process.env, ...env, PATH: `${join(projectRoot, 'bin')}:${process.env['PATH'] ?? ''}` },
      logFile: join(stack.folder, 'again.log'),
    })
    try {
      await waitUntil(async () => (await backups()).includes(missed[0] ?? ''), {
        ...{ what: 'the missed backup to be adopted', timeout: 40_000, interval: 200 },
      })
      expect((await backups()).toSorted()).toEqual([...before, ...missed].toSorted())
      const story = await stack.ask<{ surplus?: boolean }>('backup', 'get', missed[0] ?? '')
      expect(JSON.stringify(story)).toContain('surplus')
      good(await stack.holdfast('audit', 'verify'))
      expect(await readdir(join(stack.agent('db').stateFolder, 'spool/rejected'))).toEqual([])
      good(await stack.holdfast('backup', 'start', 'orders', '--wait'))
    } finally {
      await again.stop('SIGTERM', 10_000)
    }
    // and with no copy at all: everything anew, what agents tell of the old store refused and kept by them
    for (const end of ['', '-wal', '-shm']) await rm(`${env.STORE_FILE}${end}`, { force: true })
    await stack.coordinator.start()
    await protectedNow(stack)
    expect((await backups()).filter(id => before.includes(id))).toEqual([])
    const rejected = join(stack.agent('db').stateFolder, 'spool/rejected')
    await waitUntil(async () => (await readdir(rejected)).length >= before.length, {
      ...{ what: 'what the old store knew to be refused', timeout: 40_000, interval: 200 },
    })
    const audit = await stack.holdfast('audit', 'list', '-o', 'json')
    expect(audit.stdout).toContain('unknown-attempt')

    async function backups(): Promise<string[]> {
      const answer = await stack.look('backup', 'list', '-o', 'json')
      if (answer.code !== 0) return []
      return (JSON.parse(answer.stdout) as { backups: { backup_id: string }[] }).backups.map(
        each => each.backup_id,
      )
    }
  })
})

describe.skipIf(lost.missing)('host-lost.md', () => {
  test('what it has one ask is answered, and a keeper cleans up once the agent is gone', {
    timeout: 240_000,
  }, async () => {
    await using pg = await startPostgres()
    await pg.createDatabase('orders')
    const login = { engine: 'postgres', port: pg.port, user: pg.user, passwordFile: pg.passwordFile } as const
    await using stack = await layStack({
      coordinator: { times: { agent_gone: '8s', lease_ttl: '3s' } },
      agents: [
        { name: 'db', logins: [login] },
        { name: 'keeper', keeper: true },
      ],
    })
    await stack.start()
    await protectedNow(stack)
    // a dump that waits for a lock is under way for certain when its host is lost
    await pg.psql('create table held (i int)', 'orders')
    const holder = await startProcess(
      join(pg.bin, 'psql'),
      [pg.url('orders'), '-qAt', '-c', 'begin; lock table held; select pg_sleep(600)'],
      { name: 'holder' },
    )
    try {
      await waitUntil(
        async () =>
          (await pg.psql(`select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted`)) !==
          '0',
        { what: 'the lock' },
      )
      good(await stack.holdfast('backup', 'start', 'orders'))
      await waitUntil(
        async () => (await stack.look('job', 'list', '--state', 'running')).stdout.includes('orders'),
        {
          ...{ what: 'the backup to run', timeout: 15_000, interval: 100 },
        },
      )
      await stack.agent('db').kill('SIGKILL')
      await waitUntil(async () => (await stack.look('gap', 'list')).code === 1, {
        ...{ what: 'the agent to be silent', timeout: 20_000, interval: 200 },
      })
      const env = { WORK: stack.folder, HOLDFAST_COORDINATOR: stack.address }
      const look = good(await shell(await block('host-lost.md', 'look'), env))
      expect(look).toMatch(/agent-silent|silent/)
      expect(look).toContain('bak_')
      const cleaned = await block('host-lost.md', 'cleaned')
      const gone = /delete.*succeeded/
      await waitUntil(async () => gone.test((await stack.look('job', 'list', '--kind', 'delete')).stdout), {
        ...{ what: 'a keeper to clean up', timeout: 60_000, interval: 300 },
      })
      expect(good(await shell(cleaned, env))).toMatch(gone)
    } finally {
      await holder.stop('SIGKILL')
    }
  })
})

/** Globals, `postgres` and `orders` have each a backup, and nothing is under way. */
async function protectedNow(stack: Stack): Promise<void> {
  await waitUntil(
    async () => {
      const { databases } = await stack.ask<{ databases: { protection: string }[] }>('database', 'list')
      const { jobs } = await stack.ask<{ jobs: { state: string }[] }>('job', 'list')
      return (
        databases.length === 3 &&
        databases.every(each => each.protection === 'protected') &&
        jobs.every(each => each.state === 'succeeded')
      )
    },
    { what: 'every database to be protected', timeout: 60_000, interval: 200 },
  )
}

async function manifestsIn(folder: string) {
  const store = openDirectoryStore(folder)
  const found = []
  for await (const { key } of store.list('v1/manifests/')) {
    const chunks: Uint8Array[] = []
    for await (const chunk of store.read(objectKey(key))) chunks.push(chunk)
    found.push(readManifestStrictly(Buffer.concat(chunks)))
  }
  await store.close()
  return found
}

/** Key of a manifest in the bucket of version 1. */
function keyOf(engine: string, scope: string): string {
  const [found] = fixtureManifests()
    .filter(([path]) => path.startsWith('bucket-v1/'))
    .filter(([, bytes]) => {
      const manifest = readManifestStrictly(bytes)
      return manifest.engine.kind === engine && manifest.scope === scope
    })
  return found?.[0].replace('bucket-v1/', '') ?? ''
}

/** The bucket of version 1, below `prod/`, in S3. */
async function upload(s3: S3Server, bucket: string): Promise<void> {
  const { PutObjectCommand } = await import('@aws-sdk/client-s3')
  const from = join(fixtures, 'bucket-v1')
  const store = openDirectoryStore(from)
  const client = s3.client()
  for await (const { key, size } of store.list(''))
    await client.send(
      new PutObjectCommand({
        ...{ Bucket: bucket, Key: `prod/${key}` },
        ...{ Body: createReadStream(join(from, key)), ContentLength: size },
      }),
    )
  await store.close()
}
