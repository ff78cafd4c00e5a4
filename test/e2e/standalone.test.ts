import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareMariadb } from '../../demo/compare/mariadb.ts'
import { comparePostgres } from '../../demo/compare/postgres.ts'
import { fillMariadb } from '../../demo/data/mariadb.ts'
import { fillPostgres } from '../../demo/data/postgres.ts'
import {
  freePort,
  type MariadbServer,
  type PostgresServer,
  requireServers,
  type S3Server,
  startMariadb,
  startPostgres,
  startS3,
  type TemporaryFolder,
  temporaryFolder,
} from '../harness/index.ts'
import { answerOf, holdfastAgent } from './agent-command.ts'

interface BackedUp {
  readonly ok: true
  readonly backups: readonly {
    readonly manifest: string
    readonly databases: readonly string[]
    readonly raw_bytes: number
    readonly stored_bytes: number
  }[]
}
interface Refused {
  readonly ok: false
  readonly error: { readonly code: string; readonly message: string; readonly hint: string }
}

const name = 'Shop "ä"/50% = postgresql://x'

const postgresHere = await requireServers('standalone, PostgreSQL', 'postgres', 's3')
describe.skipIf(postgresHere.missing)('holdfast-agent without a coordinator, PostgreSQL and S3', () => {
  let folder: TemporaryFolder
  let server: PostgresServer
  let s3: S3Server
  let bucket: string
  let bare: string
  const state = () => ['--state-dir', join(folder.path, 'state')]
  const login = () => [
    '--engine',
    'postgres',
    '--port',
    String(server.port),
    '--password-file',
    server.passwordFile,
  ]
  const backup = (...more: string[]) =>
    holdfastAgent(['backup', ...login(), ...state(), ...more], s3.environment)
  const restore = (...more: string[]) =>
    holdfastAgent(['restore', ...login(), ...state(), ...more], s3.environment)

  beforeAll(async () => {
    folder = await temporaryFolder('standalone')
    ;[server, s3] = await Promise.all([startPostgres(), startS3()])
    bucket = await s3.createBucket()
    bare = join(folder.path, 'bare')
    await mkdir(bare)
    // what the launcher itself needs, and no database tool
    for (const tool of ['readlink', 'dirname', 'setpriv'])
      await symlink(join('/usr/bin', tool), join(bare, tool))
    await server.createDatabase(name)
    await fillPostgres(server, name, 0.01)
  })
  afterAll(async () => {
    await server?.stop()
    await s3?.stop()
    await folder?.remove()
  })

  test('backs up to S3 and restores into a new database that is the same, row by row', async () => {
    const made = await backup('--database', name, '--globals', '--to', `s3://${bucket}/prod`, '-o', 'json')
    expect(made, made.stderr).toMatchObject({ code: 0 })
    const { backups } = answerOf<BackedUp>(made)
    expect(backups.map(each => each.databases)).toEqual([[], [name]])
    const manifest = backups[1]?.manifest ?? ''
    expect(manifest).toMatch(
      new RegExp(`^s3://${bucket}/prod/v1/manifests/\\d{4}/\\d\\d/\\d\\d/att_[-0-9a-f]+\\.json$`),
    )
    const copy = `${name} copy`
    const restored = await restore('--from', manifest, '--into', copy)
    expect(restored, restored.stderr).toMatchObject({ code: 0 })
    expect(restored.stdout).toMatch(/^restored \d+(\.\d)? MiB into Shop "ä"\/50% = postgresql:\/\/x copy, /)
    const comparison = await comparePostgres({ server, database: name }, { server, database: copy })
    expect(comparison).toMatchObject({ differences: [] })
    expect(comparison.tables).toBeGreaterThan(10)
  })

  test('backs up to a folder and restores from it; the text says what and where', async () => {
    const to = join(folder.path, 'backups')
    await mkdir(to)
    const made = await backup('--database', name, '--to', `file://${to}`)
    expect(made, made.stderr).toMatchObject({ code: 0 })
    const [, manifest = ''] = /^manifest: (file:\/\/\/\S+)$/m.exec(made.stdout) ?? []
    expect(made.stdout).toMatch(/^backed up .* read, .* stored, /)
    expect(await restore('--from', manifest, '--into', 'from_folder')).toMatchObject({ code: 0 })
    const comparison = await comparePostgres({ server, database: name }, { server, database: 'from_folder' })
    expect(comparison.differences).toEqual([])
  })

  test('a target that exists is refused and left as it is', async () => {
    const to = join(folder.path, 'refused')
    await mkdir(to)
    const made = answerOf<BackedUp>(await backup('--database', name, '--to', `file://${to}`, '-o', 'json'))
    await server.createDatabase('precious')
    await server.psql('CREATE TABLE kept AS SELECT 1 AS one', 'precious')
    const refused = await restore(
      '--from',
      made.backups[0]?.manifest ?? '',
      '--into',
      'precious',
      '-o',
      'json',
    )
    expect(answerOf<Refused>(refused)).toMatchObject({ ok: false, error: { code: 'restore.target-exists' } })
    expect(refused.code).toBe(12)
    expect(await server.psql('SELECT one FROM kept', 'precious')).toBe('1')
  })

  interface Mistake {
    readonly what: string
    readonly args: () => Promise<string[]> | string[]
    readonly env?: () => Record<string, string>
    readonly code: string
    readonly exit: number
  }
  const toBucket = () => ['--to', `s3://${bucket}/mistakes`, '--database', name]
  const secret = async (text: string, mode: number) => {
    const path = join(folder.path, `secret-${mode.toString(8)}`)
    await writeFile(path, text)
    await chmod(path, mode)
    return path
  }
  const mistakes: readonly Mistake[] = [
    {
      what: 'a wrong password',
      args: async () => [...login(), '--password-file', await secret('wrong', 0o600), ...toBucket()],
      code: 'database.auth-failed',
      exit: 21,
    },
    {
      what: 'a server that is not there',
      args: async () => [...login(), '--port', String(await freePort()), ...toBucket()],
      code: 'database.unreachable',
      exit: 21,
    },
    {
      what: 'a database that is not there',
      args: () => [...login(), '--to', `s3://${bucket}/mistakes`, '--database', 'no such thing'],
      code: 'database.gone',
      exit: 21,
    },
    {
      what: 'a secret file that others can read',
      args: async () => [...login(), '--password-file', await secret(server.password, 0o644), ...toBucket()],
      code: 'secret.exposed',
      exit: 10,
    },
    {
      what: 'a bucket that is not there',
      args: () => [...login(), '--to', 's3://nobody-made-this-bucket/x', '--database', name],
      code: 'object-store.bucket-missing',
      exit: 30,
    },
    {
      what: 'keys the store does not know',
      args: () => [...login(), ...toBucket()],
      env: () => ({ AWS_ACCESS_KEY_ID: 'AKIANOBODY', AWS_SECRET_ACCESS_KEY: 'nothing' }),
      code: 'object-store.denied',
      exit: 30,
    },
    {
      what: 'a store that is not there',
      args: async () => [...login(), ...toBucket(), '--endpoint', `http://127.0.0.1:${await freePort()}`],
      code: 'object-store.unreachable',
      exit: 30,
    },
    {
      what: 'a folder that is not there',
      args: () => [...login(), '--to', `file://${folder.path}/missing`, '--database', name],
      code: 'object-store.bucket-missing',
      exit: 30,
    },
    {
      what: 'a destination of an unknown kind',
      args: () => [...login(), '--to', 'ftp://host/x', '--database', name],
      code: 'destination.invalid',
      exit: 2,
    },
    {
      what: 'an unknown flag',
      args: () => [...login(), ...toBucket(), '--speed', 'high'],
      code: 'usage.invalid',
      exit: 2,
    },
    {
      what: 'nothing to back up',
      args: () => [...login(), '--to', `s3://${bucket}/mistakes`],
      code: 'usage.invalid',
      exit: 2,
    },
    {
      what: 'a missing tool',
      args: () => [...login(), ...toBucket()],
      env: () => ({ PATH: bare }),
      code: 'tool.missing',
      exit: 20,
    },
  ]
  test.for(mistakes)(
    '$what: $code, exit $exit, and nothing in the bucket',
    async ({ args, env, code, exit }) => {
      const ended = await holdfastAgent(['backup', ...state(), '-o', 'json', ...(await args())], {
        ...s3.environment,
        AWS_MAX_ATTEMPTS: '2',
        ...env?.(),
      })
      expect(ended.stdout, ended.stderr).not.toBe('')
      const { error } = answerOf<Refused>(ended)
      expect(error).toMatchObject({ code })
      expect(error.hint).not.toBe('')
      expect(ended.code).toBe(exit)
      expect(`${ended.stdout}${ended.stderr}`).not.toContain(server.password)
      expect(ended.stderr).toContain(`[${code}]`)
      const left = await s3.client().send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'mistakes' }))
      expect(left.KeyCount).toBe(0)
    },
  )
})

const mariadbName = name

const mariadbHere = await requireServers('standalone, MariaDB', 'mariadb')
describe.skipIf(mariadbHere.missing)('holdfast-agent without a coordinator, MariaDB and a folder', () => {
  let folder: TemporaryFolder
  let server: MariadbServer
  beforeAll(async () => {
    folder = await temporaryFolder('standalone')
    server = await startMariadb()
    await server.createDatabase(mariadbName)
    await fillMariadb(server, mariadbName, 0.01)
  })
  afterAll(async () => {
    await server?.stop()
    await folder?.remove()
  })

  test('backs up and restores into a new database that is the same, row by row', async () => {
    const login = [
      ...['--port', String(server.port), '--password-file', server.passwordFile, '--tool-folder', server.bin],
      ...['--state-dir', join(folder.path, 'state'), '-o', 'json'],
    ]
    const to = `file://${folder.path}`
    const made = await holdfastAgent([
      'backup',
      '--engine',
      'mariadb',
      ...login,
      '--database',
      mariadbName,
      '--to',
      to,
    ])
    expect(made, made.stderr).toMatchObject({ code: 0 })
    const manifest = answerOf<BackedUp>(made).backups[0]?.manifest ?? ''
    const restored = await holdfastAgent(['restore', ...login, '--from', manifest, '--into', 'copy'])
    expect(restored, restored.stderr).toMatchObject({ code: 0 })
    const comparison = await compareMariadb({ server, database: mariadbName }, { server, database: 'copy' })
    expect(comparison).toMatchObject({ tables: 6, differences: [] })
  })
})
