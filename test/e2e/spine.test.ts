import { join } from 'node:path'
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareMariadb } from '../../demo/compare/mariadb.ts'
import { comparePostgres } from '../../demo/compare/postgres.ts'
import { fillMariadb } from '../../demo/data/mariadb.ts'
import { fillPostgres } from '../../demo/data/postgres.ts'
import { dashboards } from '../../scripts/dashboards/index.ts'
import { identityFile } from '../agent/encryption/identities.ts'
import {
  type ConsulServer,
  layStack,
  type MariadbServer,
  type PostgresServer,
  type PrometheusServer,
  requireServers,
  type S3Server,
  type Stack,
  startConsul,
  startMariadb,
  startPostgres,
  startPrometheus,
  startS3,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'

interface Database {
  readonly name: string
  readonly scope: string
  readonly service: string
  readonly last_backup_id: string
}
interface Backup {
  readonly backup_id: string
  readonly subject_name: string
  readonly scope: string
  readonly job_id: string
}

/** Every kind of name that has broken a backup tool somewhere. */
const oddNames = [
  'with space',
  `quo"te'd`,
  'sl/a/sh',
  '50% off %s',
  'a=b host=nowhere',
  '-dash --help',
  'postgresql://nowhere/db',
  'Ünïcødé 数据 🎻',
  'UPPER',
  'back\\slash',
  'control\u0001\u001b[31m\u007f\n\t.',
  'n'.repeat(63),
] as const
/** The name of its copy: as odd, and no longer than a name may be. */
const copyOf = (name: string) => (name.length === 63 ? 'm'.repeat(63) : `${name}+`)

const here = await requireServers('spine', 'postgres', 'mariadb', 'consul', 's3', 'age')
const scraped = await requireServers('spine: what Prometheus sees', 'prometheus')
describe.skipIf(here.missing)('the whole way: Consul, coordinator, agent, databases, S3 and back', () => {
  let pg: PostgresServer
  let maria: MariadbServer
  let consul: ConsulServer
  let s3: S3Server
  let bucket: string
  let stack: Stack
  let keys: TemporaryFolder
  let prometheus: PrometheusServer | undefined

  beforeAll(async () => {
    ;[pg, maria, consul, s3] = await Promise.all([startPostgres(), startMariadb(), startConsul(), startS3()])
    bucket = await s3.createBucket()
    keys = await temporaryFolder('spine')
    const identity = await identityFile(keys.path, 'identity')
    await pg.createDatabase('shop')
    await maria.createDatabase('library')
    await Promise.all([fillPostgres(pg, 'shop', 0.01), fillMariadb(maria, 'library', 0.01)])
    for (const name of oddNames) {
      await pg.createDatabase(name)
      await pg.psql('CREATE TABLE t AS SELECT generate_series(1, 10) AS i', name)
    }
    await consul.register({ name: 'shop-db', port: pg.port, meta: { engine: 'postgres' } })
    await consul.register({ name: 'library-db', port: maria.port })
    stack = await layStack({
      consul: { server: consul, services: ['shop-db', 'library-db'] },
      s3: { server: s3, bucket },
      coordinator: {
        serviceEngines: { 'library-db': 'mariadb' },
        times: { inventory: '3s', lease_ttl: '30s' },
        policies: [
          {
            name: 'secret',
            match: { databases: ['shop', 'library'] },
            compression: { codec: 'zstd', level: 1, long: 20 },
            encryption: { required: true, recipients: [identity.recipient] },
          },
          { name: 'everything' },
        ],
      },
      agents: [
        {
          name: 'db',
          node: 'dev1',
          logins: [
            { engine: 'postgres', port: pg.port, user: pg.user, passwordFile: pg.passwordFile },
            { engine: 'mariadb', port: maria.port, user: maria.user, passwordFile: maria.passwordFile },
          ],
          toolFolders: [maria.bin],
          encryption: { identity_files: [identity.path] },
        },
        { name: 'keeper', keeper: true },
      ],
    })
    await stack.start()
    if (scraped.missing) return
    const target = (url: string) => [new URL(url).host]
    prometheus = await startPrometheus(
      [
        { name: 'holdfast-coordinator', targets: target(stack.coordinator.statusUrl) },
        {
          name: 'holdfast-databases',
          targets: target(stack.coordinator.statusUrl),
          path: '/metrics/databases',
        },
        { name: 'holdfast-agent', targets: target(stack.agent('db').statusUrl) },
      ],
      [join(projectRoot, 'deploy/prometheus/rules.yaml')],
    )
  })
  afterAll(async () => {
    await prometheus?.stop()
    await stack?.stop()
    await Promise.all([pg?.stop(), maria?.stop(), consul?.stop(), s3?.stop(), keys?.remove()])
  })

  const databases = async () =>
    (await stack.ask<{ databases: Database[] }>('database', 'list', '--all')).databases
  const backups = async () => (await stack.ask<{ backups: Backup[] }>('backup', 'list', '--all')).backups
  const backupOf = async (name: string, service = 'shop-db') => {
    const found = (await databases()).find(each => each.name === name && each.service === service)
    if (found === undefined) throw new Error(`no database ${name}`)
    return found.last_backup_id
  }

  test('everything Consul knows of is found and backed up by the schedule', {
    timeout: 120_000,
  }, async () => {
    const expected = ['shop', 'postgres', 'library', ...oddNames]
    const all = await waitUntil(
      async () => {
        const list = await databases()
        const done = list.filter(each => each.last_backup_id !== '').map(each => each.name)
        return (
          expected.every(name => done.includes(name)) &&
          list.every(each => each.last_backup_id !== '') &&
          list
        )
      },
      { what: 'a backup of every database', timeout: 110_000, interval: 500 },
    ).catch(async error => {
      throw new Error((await stack.holdfast('job', 'list', '--state', 'failed')).stdout, { cause: error })
    })
    expect(all.filter(each => each.scope === 'cluster').map(each => each.service)).toEqual(['shop-db'])
    const failed = await stack.holdfast('job', 'list', '--state', 'failed')
    expect(failed.stdout).toBe('nothing matches\n')
    const { stdout, code } = await stack.holdfast('gap', 'list')
    expect({ stdout, code }).toEqual({
      stdout: 'no gap: every known instance and database is looked after\n',
      code: 0,
    })
  })

  test('what its policy encrypts lies in the bucket encrypted, and nothing else does', async () => {
    const listed = await s3.client().send(new ListObjectsV2Command({ Bucket: bucket }))
    const data = (listed.Contents ?? []).map(each => each.Key ?? '').filter(key => key.includes('v1/data/'))
    const secret = data.filter(key => /\/(shop|library)~/.test(key))
    expect(secret.length).toBeGreaterThanOrEqual(2)
    expect(data.filter(key => key.endsWith('.zst.age'))).toEqual(secret)
  })

  test('PostgreSQL comes back the same, row by row', async () => {
    const restored = await stack.holdfast(
      ...['restore', 'start', '--backup', await backupOf('shop'), '--into', 'shop restored', '--wait'],
    )
    expect(restored, restored.stderr).toMatchObject({ code: 0 })
    const comparison = await comparePostgres(
      { server: pg, database: 'shop' },
      { server: pg, database: 'shop restored' },
    )
    expect(comparison).toMatchObject({ tables: 13, differences: [] })
  })

  test('MariaDB comes back the same, row by row', async () => {
    const backup = await backupOf('library', 'library-db')
    const restored = await stack.holdfast('restore', 'start', '--backup', backup, '--into', 'copy', '--wait')
    expect(restored, restored.stderr).toMatchObject({ code: 0 })
    const comparison = await compareMariadb(
      { server: maria, database: 'library' },
      { server: maria, database: 'copy' },
    )
    expect(comparison).toMatchObject({ tables: 6, differences: [] })
  })

  test('databases of every odd name come back under names as odd', { timeout: 120_000 }, async () => {
    for (const name of oddNames) {
      const started = await stack.holdfast(
        ...['restore', 'start', '--backup', await backupOf(name), `--into=${copyOf(name)}`],
      )
      expect(started, started.stderr).toMatchObject({ code: 0 })
    }
    const copies = oddNames.map(copyOf)
    const present = async () =>
      JSON.parse(await pg.psql('SELECT json_agg(datname) FROM pg_database')) as string[]
    await waitUntil(
      async () => {
        const names = new Set(await present())
        return copies.every(copy => names.has(copy))
      },
      { what: 'the copies', timeout: 100_000, interval: 500 },
    ).catch(async error => {
      throw new Error((await stack.holdfast('job', 'list', '--kind', 'restore')).stdout, { cause: error })
    })
    for (const copy of copies) expect(await pg.psql('SELECT count(*) FROM t', copy), copy).toBe('10')
  })

  test('what lies in the bucket is owned: every object is a manifest, or named by one (P2)', async () => {
    const client = s3.client()
    const look = async () => {
      const keys: string[] = []
      for (let token: string | undefined; ; ) {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        )
        keys.push(...(page.Contents ?? []).map(each => each.Key ?? ''))
        token = page.NextContinuationToken
        if (token === undefined) break
      }
      const manifests = keys.filter(key => key.startsWith('fleet/v1/manifests/'))
      const named = new Set<string>()
      for (const key of manifests) {
        const body = await (
          await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
        ).Body?.transformToString()
        const manifest = JSON.parse(body ?? '') as {
          streams: { objects: { key: string }[] }[]
          census?: { key: string }
        }
        for (const { objects } of manifest.streams)
          for (const object of objects) named.add(`fleet/${object.key}`)
        if (manifest.census !== undefined) named.add(`fleet/${manifest.census.key}`)
      }
      const unowned = keys.filter(key => !manifests.includes(key) && !named.has(key))
      const missing = [...named].filter(key => !keys.includes(key))
      return { manifests, unowned, missing }
    }
    // The restored copies are being backed up meanwhile: an object may be on its way to its manifest
    const { manifests, missing } = await waitUntil(
      async () => {
        const seen = await look()
        return seen.unowned.length === 0 && seen
      },
      { what: 'every object to have an owner', timeout: 60_000, interval: 500 },
    )
    expect(missing).toEqual([])
    expect(manifests.length).toBeGreaterThanOrEqual(oddNames.length + 4)
  }, 90_000)

  test('job explain gives every decision with its reasons', async () => {
    const made = (await backups()).find(each => each.subject_name.endsWith('/shop'))
    const { stdout, code } = await stack.holdfast('job', 'explain', made?.job_id ?? '')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^backup of shop-db\/shop: succeeded$/m)
    expect(stdout).toContain('policy secret')
    const { decisions } = await stack.ask<{ decisions: { kind: string; code: string }[] }>(
      'job',
      'explain',
      made?.job_id ?? '',
    )
    expect(decisions.map(each => each.kind)).toEqual(
      expect.arrayContaining(['created', 'placed', 'transition']),
    )
  })

  test('an instance that no agent answers for is a gap with its reason, until it is gone (P1)', async () => {
    await consul.request('PUT', '/v1/catalog/register', {
      Node: 'elsewhere',
      Address: '192.0.2.9',
      Service: { ID: 'orphan', Service: 'shop-db', Port: 5432, Meta: { engine: 'postgres' } },
    })
    const gap = await waitUntil(
      async () => {
        const answer = await stack.look('gap', 'list', '--reason', 'no-agent')
        return answer.code === 1 && answer
      },
      { what: 'the gap', timeout: 15_000, interval: 200 },
    )
    expect(gap.stdout).toMatch(/instance +shop-db@elsewhere +unprotected +no-agent/)
    await consul.request('PUT', '/v1/catalog/deregister', { Node: 'elsewhere' })
    await waitUntil(async () => (await stack.look('gap', 'list', '--reason', 'no-agent')).code === 0, {
      what: 'the gap to close',
      timeout: 15_000,
      interval: 200,
    })
  })

  test('a database dropped between planning and dump fails with what happened, and loses nothing', {
    timeout: 120_000,
  }, async () => {
    await pg.createDatabase('doomed')
    await waitUntil(
      async () => (await databases()).some(each => each.name === 'doomed' && each.last_backup_id !== ''),
      {
        what: 'a first backup of doomed',
        timeout: 60_000,
        interval: 200,
      },
    )
    const before = await backupOf('doomed')
    await pg.psql('DROP DATABASE doomed')
    const started = await stack.holdfast('backup', 'start', 'doomed', '--wait', '--reason', 'too late')
    expect(started.code).not.toBe(0)
    expect(`${started.stdout}${started.stderr}`).toMatch(/database\.gone|is gone from its server/)
    expect((await backups()).map(each => each.backup_id)).toContain(before)
  })

  test('the audit tells who did what and was not rewritten', async () => {
    const { stdout, code } = await stack.holdfast('audit', 'verify')
    expect(stdout).toMatch(/^intact: \d+ events, head \d+ [0-9a-f]{64}$/m)
    expect(code).toBe(0)
    const listed = await stack.holdfast('audit', 'list', '--limit', '100')
    expect(listed.stdout).toContain('backup.recorded')
  })

  test('metrics of both processes are aggregates, and both say that they are well', async () => {
    for (const { statusUrl } of [stack.coordinator, stack.agent('db')]) {
      const [metrics, health, ready] = await Promise.all(
        ['metrics', 'healthz', 'readyz'].map(async path => (await fetch(`${statusUrl}/${path}`)).text()),
      )
      expect(metrics).toMatch(/^holdfast_\w+(\{.*\})? \d/m)
      expect(metrics).not.toContain('quo')
      expect(health).not.toBe('')
      expect(ready).not.toBe('')
    }
  })

  test.skipIf(scraped.missing)(
    'every query of every dashboard has data, every rule can be judged',
    async () => {
      const asked = dashboards.flatMap(({ title, rows, variables }) =>
        rows.flatMap(row =>
          row.panels.flatMap(panel =>
            panel.queries.map(({ expr }) => ({
              where: `${title} / ${panel.title}`,
              expr: variables
                .reduce((text, { name }) => text.replaceAll(`$${name}`, '.*'), expr)
                .replaceAll('$__rate_interval', '30s'),
            })),
          ),
        ),
      )
      expect(asked.length).toBeGreaterThan(30)
      const without = async () => {
        const missing: string[] = []
        for (const { where, expr } of asked)
          if ((await prometheus?.query(expr))?.length === 0) missing.push(`${where}: ${expr}`)
        return missing
      }
      await waitUntil(async () => (await without()).length === 0, {
        what: 'two scrapes of everything',
        timeout: 20_000,
      }).catch(() => undefined)
      expect(await without()).toEqual([])
      const health = (await prometheus?.ruleHealth()) ?? {}
      expect(Object.keys(health).length).toBeGreaterThan(10)
      expect(Object.entries(health).filter(([, state]) => state !== 'ok')).toEqual([])
      const names = await prometheus?.query('count by (database) (holdfast_database_protection)')
      expect(names?.map(each => each.metric['database'])).toEqual(expect.arrayContaining([...oddNames]))
    },
  )

  test('no process wrote a password anywhere', () => {
    const logs = [stack.coordinator.log(), stack.agent('db').log(), stack.agent('keeper').log()].join('\n')
    for (const secret of [pg.password, maria.password, s3.secretAccessKey]) expect(logs).not.toContain(secret)
  })

  test('everything ends with 0 when told to stop', async () => {
    expect(await stack.agent('db').stop()).toBe(0)
    expect(await stack.agent('keeper').stop()).toBe(0)
    expect(await stack.coordinator.stop()).toBe(0)
  })
})
