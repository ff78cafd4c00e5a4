import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { identityFile } from '../agent/encryption/identities.ts'
import {
  type PostgresServer,
  processAlive,
  requireServers,
  type S3Server,
  startPostgres,
  startS3,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'
import { readManifestStrictly } from '../harness/manifest-schema.ts'

const servers = await requireServers('standalone backup and restore', 'postgres', 's3', 'pv', 'zstd', 'age')
const program = join(import.meta.dirname, '../../bin/holdfast-agent')

let pg: PostgresServer
let s3: S3Server
beforeAll(async () => {
  if (servers.missing) return
  pg = await startPostgres()
  s3 = await startS3()
})
afterAll(async () => {
  await pg?.stop()
})

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

function start(argv: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = spawn(program, argv, {
    env: { ...process.env, ...s3.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  child.stderr.on('data', chunk => {
    err += chunk
  })
  const ended = once(child, 'close').then(
    ([status]): Ended => ({ status: status as number | null, out, err }),
  )
  return { child, ended, logged: () => err }
}

const connection = () => [
  ...['--host', pg.host, '--port', String(pg.port), '--user', pg.user],
  ...['--password-file', pg.passwordFile, '--tool-folder', pg.bin],
]

async function keysOf(bucket: string): Promise<{ objects: string[]; uploads: string[] }> {
  const { ListMultipartUploadsCommand, ListObjectsV2Command } = await import('@aws-sdk/client-s3')
  const client = s3.client()
  const objects = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
  const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
  return {
    objects: (objects.Contents ?? []).map(each => each.Key ?? ''),
    uploads: (uploads.Uploads ?? []).map(each => each.Key ?? ''),
  }
}

async function bytesOf(bucket: string, key: string): Promise<Uint8Array> {
  const { GetObjectCommand } = await import('@aws-sdk/client-s3')
  const answer = await s3.client().send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  return (await answer.Body?.transformToByteArray()) ?? new Uint8Array()
}

describe.skipIf(servers.missing)('holdfast-agent by itself, real PostgreSQL and S3', () => {
  it('backs up to S3 and restores into a new database; the exit status tells each class of error', {
    timeout: 120_000,
  }, async () => {
    await using folder = await temporaryFolder('standalone')
    const bucket = await s3.createBucket()
    const name = 'sales "2026"/é=1'
    await pg.createDatabase(name)
    await pg.psql('create table t as select g, md5(g::text) h from generate_series(1, 50000) g', name)
    const state = ['--state-dir', join(folder.path, 'state')]
    const to = `s3://${bucket}/prod`

    const backup = await start([
      ...['backup', '--engine', 'postgres', '--database', name, '--globals', '--to', to, '-o', 'json'],
      ...connection(),
      ...state,
    ]).ended
    expect(backup, backup.err).toMatchObject({ status: 0 })
    const told = JSON.parse(backup.out)
    expect(told).toMatchObject({ ok: true, backups: [{ scope: 'cluster' }, { scope: 'database' }] })
    expect(
      backup.err
        .split('\n')
        .filter(Boolean)
        .every(line => line.startsWith('{')),
    ).toBe(true)

    const manifest: string = told.backups[1].manifest
    for (const key of (await keysOf(bucket)).objects.filter(each => each.includes('/v1/manifests/')))
      expect(readManifestStrictly(await bytesOf(bucket, key)).streams).toHaveLength(1)
    const restore = (into: string) =>
      start(['restore', '--from', manifest, '--into', into, ...connection(), ...state]).ended
    expect(await restore('sales copy')).toMatchObject({ status: 0 })
    const sum = `select count(*), md5(string_agg(h, ',' order by g)) from t`
    expect(await pg.psql(sum, 'sales copy')).toBe(await pg.psql(sum, name))
    expect(await restore('sales copy')).toMatchObject({ status: 12 })

    const gone = await start([
      ...['backup', '--engine', 'postgres', '--database', 'nowhere', '--to', to],
      ...connection(),
      ...state,
    ]).ended
    expect(gone.err).toContain('[database.gone]')
    expect(gone.status).toBe(21)
    const missing = await start([
      ...['backup', '--engine', 'postgres', '--database', name, '--to', `s3://${bucket}-missing`],
      ...connection(),
      ...state,
    ]).ended
    expect(missing.err).toContain('[object-store.bucket-missing]')
    expect(missing.status).toBe(30)
    expect(await readdir(join(folder.path, 'state'))).toEqual([])
  })

  it('globals with password verifiers are stored encrypted or not at all; an identity opens the backup, nobody else', {
    timeout: 120_000,
  }, async () => {
    await using folder = await temporaryFolder('standalone')
    await pg.createDatabase('sealed')
    await pg.psql('create table t as select generate_series(1, 1000) i', 'sealed')
    await pg.psql("create role keeper_of_secrets password 'hunter2'")
    const [mine, stranger] = [
      await identityFile(folder.path, 'mine'),
      await identityFile(folder.path, 'stranger'),
    ]
    const store = join(folder.path, 'store')
    await mkdir(store)
    const state = ['--state-dir', join(folder.path, 'state')]
    const backup = (...more: readonly string[]) =>
      start([
        ...['backup', '--engine', 'postgres', '--to', `file://${store}`, '-o', 'json', ...more],
        ...connection(),
        ...state,
      ]).ended
    const refused = await backup('--globals', '--globals-passwords')
    expect(refused.err).toContain('[encryption.required]')
    expect(refused.status).toBe(10)
    expect((await backup('--database', 'sealed', '--codec', 'gzip', '--codec-level', '10')).err).toContain(
      '[codec.invalid]',
    )
    expect(await readdir(store)).toEqual([])

    const made = await backup(
      ...[
        '--database',
        'sealed',
        '--globals',
        '--globals-passwords',
        '--codec',
        'gzip',
        '--codec-level',
        '9',
      ],
      ...['--recipient', mine.recipient],
    )
    expect(made, made.err).toMatchObject({ status: 0 })
    const [globals, database] = JSON.parse(made.out).backups
    const manifest = readManifestStrictly(await readFile(new URL(globals.manifest)))
    const key = manifest.streams[0]?.objects[0]?.key ?? ''
    expect(key).toMatch(/000-globals\.sql\.gz\.age$/)
    const decrypted = spawnSync('age', ['-d', '-i', mine.path, join(store, key)])
    const sql = gunzipSync(decrypted.stdout).toString()
    expect(sql).toMatch(/ALTER ROLE keeper_of_secrets .*PASSWORD 'SCRAM-SHA-256\$/)

    const restore = (...identities: readonly string[]) =>
      start([
        ...['restore', '--from', database.manifest, '--into', 'unsealed', ...connection(), ...state],
        ...identities.flatMap(path => ['--identity', path]),
      ]).ended
    for (const [identities, code] of [
      [[], 'encryption.identity-missing'],
      [[stranger.path], 'encryption.identity-mismatch'],
    ] as const)
      expect((await restore(...identities)).err).toContain(`[${code}]`)
    expect(await pg.psql("select count(*) from pg_database where datname like 'unsealed%'")).toBe('0')
    expect(await restore(stranger.path, mine.path)).toMatchObject({ status: 0 })
    expect(await pg.psql('select count(*) from t', 'unsealed')).toBe('1000')
  })

  it('SIGTERM aborts the upload, leaves nothing in the bucket and no child, and exits 130', async () => {
    await using folder = await temporaryFolder('standalone')
    const bucket = await s3.createBucket()
    await pg.createDatabase('slow')
    await pg.psql('create table t as select g, md5(g::text) h from generate_series(1, 400000) g', 'slow')
    // so slow that it is certainly at work
    const running = start([
      ...['backup', '--engine', 'postgres', '--database', 'slow', '--to', `s3://${bucket}`],
      ...['--max-rate', '100kB'],
      ...['--state-dir', join(folder.path, 'state'), ...connection()],
    ])
    await waitUntil(async () => (await keysOf(bucket)).uploads.length > 0, {
      what: 'an open upload',
      timeout: 20_000,
    })
    running.child.kill('SIGTERM')
    const ended = await running.ended
    expect(ended.err).toContain('[interrupted]')
    expect(ended.status).toBe(130)
    expect(await keysOf(bucket)).toEqual({ objects: [], uploads: [] })
    expect(await pg.psql(`select count(*) from pg_stat_activity where application_name like '%dump%'`)).toBe(
      '0',
    )
  })

  it('killed (-9) at work, its children are gone, and the next command takes back what it left', async () => {
    await using folder = await temporaryFolder('standalone')
    const bucket = join(folder.path, 'bucket')
    await mkdir(bucket)
    await pg.createDatabase('small')
    await pg.psql('create table t as select generate_series(1, 1000) g', 'small')
    const state = join(folder.path, 'state')
    const argv = [
      ...['backup', '--engine', 'postgres', '--database', 'small', '--to', `file://${bucket}`],
      ...['--state-dir', state, ...connection()],
    ]
    const killed = start(argv, { HOLDFAST_TEST_CRASH_AT: 'after-upload-opened' })
    const { pid = 0 } = killed.child
    expect((await killed.ended).status).toBeNull()
    expect(processAlive(pid)).toBe(false)
    expect(await readdir(state)).toHaveLength(1)
    const next = await start(argv).ended
    expect(next, next.err).toMatchObject({ status: 0 })
    expect(next.err).toContain('an earlier command was killed')
    expect(await readdir(state)).toEqual([])
    const objects = (await readdir(bucket, { recursive: true })).filter(each => /\.(json|zst)$/.test(each))
    // stream, census, manifest
    expect(objects).toHaveLength(3)
  })
})
