import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  freePort,
  layStack,
  type MariadbServer,
  type PostgresServer,
  provisionTool,
  requireServers,
  run,
  type S3Server,
  type Stack,
  startMariadb,
  startPostgres,
  startS3,
  temporaryFolder,
  type WebhookSink,
  waitUntil,
  webhookSink,
} from '../harness/index.ts'
import { launcherEnvironment } from '../harness/launcher-environment.ts'
import { projectRoot } from '../harness/project-root.ts'
import { type ProcessWatch, watchProcesses } from './process-watch.ts'

const servers = await requireServers('planted secrets', 'postgres', 'mariadb', 's3', 'pv', 'zstd')

/** Secrets of the coordinator, each with a word of its own. */
const planted = {
  webhookToken: 'pl4nted-webhook-url-token',
  webhookHmac: 'pl4nted-webhook-hmac',
  smtp: 'pl4nted-smtp-password',
  pagerDuty: 'pl4nted-pagerduty-key',
  alertmanager: 'pl4nted-alertmanager-password',
  deadMan: 'pl4nted-dead-man-token',
}

describe.skipIf(servers.missing)('secrets that are planted', () => {
  let pg: PostgresServer
  let maria: MariadbServer
  let s3: S3Server
  let sink: WebhookSink
  let keys: Awaited<ReturnType<typeof temporaryFolder>>
  let stack: Stack
  let bucket: string
  let watch: ProcessWatch
  let role: { readonly user: string; password: string; readonly passwordFile: string }
  const secrets = new Map<string, string>(Object.entries(planted))
  const said: string[] = []

  /** The CLI, in this process; everything it says is kept. */
  const holdfast = async (...args: string[]) => kept(await stack.look(...args))
  const kept = <T extends { readonly stdout: string; readonly stderr: string }>(answer: T) => {
    said.push(answer.stdout, answer.stderr)
    return answer
  }
  const ok = async (...args: string[]) => {
    const answer = await holdfast(...args)
    expect(answer, answer.stderr).toMatchObject({ code: 0 })
    return answer.stdout
  }
  /** Where each secret is found in a text. */
  const leaks = (where: string, text: string) =>
    [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => `${name} in ${where}`)

  beforeAll(async () => {
    for (const tool of ['pv', 'zstd'] as const) await provisionTool(tool)
    ;[pg, maria, s3, sink, keys] = await Promise.all([
      ...[startPostgres(), startMariadb(), startS3(), webhookSink(), temporaryFolder('planted')],
    ] as const)
    bucket = await s3.createBucket()
    await pg.createDatabase('shop')
    await pg.psql(
      "CREATE TABLE t AS SELECT g, repeat('x', 200) AS t FROM generate_series(1, 60000) g",
      'shop',
    )
    await maria.createDatabase('library')
    await maria.sql('CREATE TABLE t SELECT seq AS g FROM seq_1_to_200000', 'library')
    role = await pg.createRole('holdfast_backup', 'SUPERUSER')
    const mariaRole = await maria.createUser('holdfast_backup', 'ALL PRIVILEGES ON *.*')
    secrets.set('PostgreSQL password', role.password)
    secrets.set('MariaDB password', mariaRole.password)
    secrets.set('S3 secret key', s3.secretAccessKey)
    const file = async (name: keyof typeof planted, text: string = planted[name]) => {
      const path = join(keys.path, name)
      await writeFile(path, `${text}\n`, { mode: 0o600 })
      return path
    }
    const nobody = await freePort()
    stack = await layStack({
      s3: { server: s3, bucket },
      coordinator: {
        // a busy machine is no reason for another leader
        times: { leader_stale: '60s', leader_renew: '1s', leader_margin: '20s', lease_ttl: '90s' },
        policies: [{ name: 'everything', codec: 'none', retry: { attempts: 1 } }],
        more: {
          alerts: {
            group_wait: '0s',
            channels: {
              hook: {
                kind: 'webhook',
                url_file: await file('webhookToken', `${sink.url}${planted.webhookToken}`),
                secret_file: await file('webhookHmac'),
              },
              // these fail, and tell so
              mail: {
                ...{ kind: 'email', host: '127.0.0.1', port: nobody, tls: 'implicit', user: 'u' },
                ...{ password_file: await file('smtp'), from: 'a@b.invalid', to: ['c@d.invalid'] },
              },
              pager: {
                ...{ kind: 'pagerduty', url: `http://127.0.0.1:${nobody}/` },
                key_file: await file('pagerDuty'),
              },
              manager: {
                ...{ kind: 'alertmanager', url: `http://127.0.0.1:${nobody}`, user: 'u' },
                password_file: await file('alertmanager'),
              },
            },
          },
          dead_man: { url_file: await file('deadMan', `${sink.url}${planted.deadMan}`), every: '300ms' },
        },
      },
      agents: [
        {
          name: 'db',
          logins: [
            { engine: 'postgres', port: pg.port, user: role.user, passwordFile: role.passwordFile },
            { engine: 'mariadb', port: maria.port, user: mariaRole.user, passwordFile: { env: 'MARIA_PW' } },
          ],
          toolFolders: [maria.bin, pg.bin],
          env: { MARIA_PW: mariaRole.password },
        },
        { name: 'keeper', keeper: true },
      ],
    })
    await stack.start()
    const processes = [stack.coordinator, stack.agent('db'), stack.agent('keeper')]
    watch = watchProcesses(
      () => processes.filter(each => each.running).map(each => each.pid),
      [join(stack.agent('db').stateFolder, 'scratch')],
    )
  })
  afterAll(async () => {
    await watch?.stop()
    await stack?.stop()
    await Promise.all([pg?.stop(), maria?.stop(), s3?.stop(), sink?.stop(), keys?.remove()])
  })

  const known = (name: string) =>
    waitUntil(async () => (await stack.look('database', 'list', '--all')).stdout.includes(name), {
      ...{ what: `${name} to be known`, timeout: 60_000, interval: 300 },
    })

  test('backups and restores of both engines run for real', { timeout: 240_000 }, async () => {
    for (const name of ['shop', 'library']) {
      await known(name)
      await ok('backup', 'start', name, '--wait', '--reason', 'planted')
      const { databases } = JSON.parse(await ok('database', 'list', '--all', '-o', 'json')) as {
        databases: { name: string; last_backup_id: string }[]
      }
      const backup = databases.find(each => each.name === name)?.last_backup_id ?? ''
      await ok(
        'restore',
        'start',
        '--backup',
        backup,
        '--into',
        `${name}_copy`,
        '--wait',
        '--reason',
        'planted',
      )
      await ok('backup', 'get', backup, '-o', 'json')
    }
    expect(await pg.psql('SELECT count(*) FROM t', 'shop_copy')).toBe('60000')
    expect(await maria.sql('SELECT count(*) FROM t', 'library_copy')).toBe('200000')
  })

  test('a rotated password: refused while the file is old, taken up without a restart', {
    timeout: 120_000,
  }, async () => {
    const renewed = 'pl4nted-rotated-password'
    secrets.set('rotated PostgreSQL password', renewed)
    const before = stack.agent('db').pid
    await pg.psql(`ALTER ROLE holdfast_backup PASSWORD '${renewed}'`)
    // by its launcher, as its user sees it
    const refused = kept(await stack.holdfast('backup', 'start', 'shop', '--wait'))
    expect(refused.code).not.toBe(0)
    expect(`${refused.stdout}${refused.stderr}`).toMatch(/password|login|authentication/i)
    await writeFile(role.passwordFile, renewed)
    await ok('backup', 'start', 'shop', '--wait')
    expect(stack.agent('db').pid).toBe(before)
  })

  test('are in no argument and no environment of a child; what holds them is for its owner and gone', async () => {
    // the watch must not have been blind
    for (const tool of ['pg_dump', 'pg_restore', 'mariadb-dump', 'mariadb\0'])
      expect(
        [...watch.commands].some(text => text.includes(tool)),
        tool,
      ).toBe(true)
    expect(watch.environments.size).toBeGreaterThan(5)
    expect([...watch.commands].flatMap(text => leaks('arguments', text))).toEqual([])
    expect(
      [...watch.environments].flatMap(([text, command]) => leaks(`the environment of ${command}`, text)),
    ).toEqual([])
    const paths = [...watch.files.keys()]
    for (const part of ['pgpass', 'my.cnf'])
      expect(
        paths.some(path => path.includes(part)),
        part,
      ).toBe(true)
    const loose = [...watch.files].filter(([, mode]) => (mode & 0o077) !== 0)
    expect(loose).toEqual([])
    await waitUntil(
      async () => (await filesBelow(join(stack.agent('db').stateFolder, 'scratch'))).length === 0,
      {
        what: 'the scratch folder to be empty',
      },
    )
  })

  test('a child has nothing of the agent’s environment but what its command needs', () => {
    const names = new Set(
      [...watch.environments.keys()].flatMap(text =>
        text.split('\0').map(each => each.slice(0, each.indexOf('='))),
      ),
    )
    for (const name of ['MARIA_PW', 'HOME', 'AWS_SECRET_ACCESS_KEY', 'PGPASSWORD', 'MYSQL_PWD'])
      expect(names.has(name), name).toBe(false)
  })

  test('are in nothing that was written or said', { timeout: 120_000 }, async () => {
    for (const args of [
      ['status'],
      ['job', 'list', '--all', '-o', 'json'],
      ['backup', 'list', '--all', '-o', 'json'],
      ['instance', 'list', '-o', 'json'],
      ['alert', 'list', '-o', 'json'],
      ['audit', 'export'],
      ['agent', 'list', '-o', 'json'],
    ])
      await holdfast(...args)
    for (const [launcher, file] of [
      ['holdfast-coordinator', 'coordinator/coordinator.yaml'],
      ['holdfast-agent', 'db/agent.yaml'],
    ] as const) {
      const shown = await run(
        join(projectRoot, 'bin', launcher),
        ['config', 'show', '--config', join(stack.folder, file)],
        { env: launcherEnvironment() },
      )
      expect(shown.stdout).toContain('_file')
      said.push(shown.stdout, shown.stderr)
    }
    for (const { statusUrl } of [stack.coordinator, stack.agent('db')])
      said.push(await (await fetch(`${statusUrl}/metrics`)).text())
    expect(leaks('what was said', said.join('\n'))).toEqual([])
    for (const each of sink.requests)
      if (!each.path.includes(planted.deadMan)) expect(leaks('a message', String(each.body))).toEqual([])
    expect(sink.requests.some(each => each.path.includes(planted.webhookToken))).toBe(true)

    await watch.stop()
    await stack.agent('db').stop()
    await stack.agent('keeper').stop()
    await stack.coordinator.stop()
    // the keys of S3 were laid into the agents' folders by the test itself
    const written = (await filesBelow(stack.folder)).filter(path => !/_key(_id)?_file$/.test(path))
    expect(written.some(path => path.endsWith('holdfast.db'))).toBe(true)
    expect(written.some(path => path.endsWith('db.log'))).toBe(true)
    for (const path of written) expect(leaks(path, await readFile(path, 'latin1'))).toEqual([])

    const client = s3.client()
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
    expect(Contents.some(each => each.Key?.includes('/v1/manifests/'))).toBe(true)
    for (const { Key = '' } of Contents) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }))
      expect(leaks(Key, (await Body?.transformToString('latin1')) ?? '')).toEqual([])
    }
  })
})

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter(each => each.isFile()).map(each => join(each.parentPath, each.name))
}
