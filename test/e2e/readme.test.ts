import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { comparePostgres } from '../../demo/compare/postgres.ts'
import { fillPostgres, postgresEnvironment } from '../../demo/data/postgres.ts'
import {
  layStack,
  type PostgresServer,
  requireServers,
  run,
  type S3Server,
  type Stack,
  startPostgres,
  startS3,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'
import { readmeBlock, shapeOf, transcript } from './readme-blocks.ts'

// A shim of some version manager answers `command -v` too: it must run
const hasAws = (await run('sh', ['-c', 'aws --version'], { allowFailure: true })).code === 0

const here = await requireServers('README', 'postgres', 's3')
describe.skipIf(here.missing)('the README, run as written', () => {
  let folder: TemporaryFolder
  let pg: PostgresServer
  let s3: S3Server
  let bucket: string
  let stack: Stack

  beforeAll(async () => {
    folder = await temporaryFolder('readme')
    ;[pg, s3] = await Promise.all([startPostgres(), startS3()])
    bucket = await s3.createBucket()
    await pg.createDatabase('shop')
    await fillPostgres(pg, 'shop', 0.01)
    stack = await layStack({
      s3: { server: s3, bucket },
      agents: [
        {
          name: 'db',
          logins: [
            {
              engine: 'postgres',
              service: 'shop-db',
              port: pg.port,
              user: pg.user,
              passwordFile: pg.passwordFile,
            },
          ],
        },
        { name: 'keeper', keeper: true },
      ],
    })
    await stack.start()
    await waitUntil(async () => (await stack.look('gap', 'list')).code === 0, {
      what: 'every database to be protected',
      timeout: 60_000,
      interval: 300,
    })
    // counted by the next look at all promises
    await waitUntil(async () => (await stack.look('status')).stdout.includes('\nruns '), {
      what: 'the runs of the day to be counted',
      interval: 300,
    })
  })
  afterAll(async () => {
    await stack?.stop()
    await Promise.all([pg?.stop(), s3?.stop()])
    await folder?.remove()
  })

  /** Runs shell text in the test's folder, where `bin` is the project's. */
  const shell = (script: string, env: Readonly<Record<string, string>> = {}) =>
    run('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder.path,
      env: {
        ...postgresEnvironment(pg, 'postgres'),
        ...s3.environment,
        HOLDFAST_COORDINATOR: stack.address,
        XDG_STATE_HOME: folder.path,
        PATH: `${pg.bin}:${process.env['PATH'] ?? ''}`,
        ...env,
      },
      allowFailure: true,
    })
  beforeAll(async () => {
    await run('ln', ['-s', join(projectRoot, 'bin'), join(folder.path, 'bin')])
  })

  test('what it shows of looking around is what the commands print', async () => {
    const shown = transcript(await readmeBlock('look'))
    expect(shown.length).toBeGreaterThan(3)
    for (const { command, output } of shown) {
      const real = await shell(command)
      expect(real, `${command}: ${real.stderr}`).toMatchObject({ code: 0 })
      expect(shapeOf(real.stdout), command).toEqual(shapeOf(output))
      for (const line of real.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    }
  })

  test('backing up, explaining and restoring', { timeout: 60_000 }, async () => {
    const lines = (await readmeBlock('act')).split('\n').filter(line => line !== '')
    expect(lines.length).toBeGreaterThan(5)
    const { backups } = await stack.ask<{ backups: { backup_id: string; job_id: string }[] }>(
      ...['backup', 'list', '--database', 'shop'],
    )
    const env = { JOB: backups[0]?.job_id ?? '', BACKUP: backups[0]?.backup_id ?? '' }
    for (const line of lines) {
      const { code, stdout, stderr } = await shell(line, env)
      expect(code, `${line}\n${stdout}${stderr}`).toBe(0)
      expect(stdout).not.toBe('')
    }
    const { differences } = await comparePostgres(
      { server: pg, database: 'shop' },
      { server: pg, database: 'shop copy' },
    )
    expect(differences).toEqual([])
  })

  test('one host, no coordinator', { timeout: 60_000 }, async () => {
    const env = {
      ...{ HOST: pg.host, PORT: String(pg.port), ROLE: pg.user, SECRET: pg.passwordFile },
      DESTINATION: `s3://${bucket}/alone`,
    }
    const { code, stdout, stderr } = await shell(await readmeBlock('standalone'), env)
    expect(code, `${stdout}${stderr}`).toBe(0)
    const { differences } = await comparePostgres(
      { server: pg, database: 'shop' },
      { server: pg, database: 'shop_copy' },
    )
    expect(differences).toEqual([])
  })

  test.for([
    ['get-curl', 'restored_curl', 'http'],
    ['get-aws', 'restored_aws', 's3'],
  ] as const)(
    'a database comes back by hand, with %s',
    { timeout: 60_000 },
    async ([how, target, scheme], context) => {
      if (how === 'get-aws' && !hasAws) context.skip('there is no aws on the PATH')
      const { backups } = await stack.ask<{ backups: { copies: { manifest_key: string }[] }[] }>(
        ...['backup', 'list', '--database', 'shop'],
      )
      await pg.createDatabase(target)
      const script = `${await readmeBlock(how)}\n${await readmeBlock('by-hand')}`
      const { code, stderr } = await shell(script, {
        MANIFEST: backups[0]?.copies[0]?.manifest_key ?? '',
        STORE: scheme === 's3' ? `s3://${bucket}/fleet` : `${s3.endpoint}/${bucket}/fleet`,
        TARGET: target,
        // the aws command of some distributions is older than AWS_ENDPOINT_URL_S3
        AWS_ENDPOINT_URL: s3.endpoint,
      })
      expect(code, stderr).toBe(0)
      const { differences, tables } = await comparePostgres(
        { server: pg, database: 'shop' },
        { server: pg, database: target },
      )
      // by hand, owners and grants stay behind
      expect(differences.filter(each => !each.startsWith('grants on'))).toEqual([])
      expect(tables).toBe(13)
    },
  )
})
