import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logFields } from '../../shared/log/index.ts'
import {
  layStack,
  type PostgresServer,
  requireServers,
  type S3Server,
  type Stack,
  startPostgres,
  startS3,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'

type Line = Readonly<Record<string, unknown>> & { readonly msg: string; readonly name: string }

const linesOf = (text: string) =>
  text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Line)

const here = await requireServers('logs', 'postgres', 's3')
describe.skipIf(here.missing)('the logs of real processes', () => {
  let pg: PostgresServer
  let s3: S3Server
  let stack: Stack
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  const file = () => join(folder.path, 'coordinator.log')

  beforeAll(async () => {
    folder = await temporaryFolder('logs')
    ;[pg, s3] = await Promise.all([startPostgres(), startS3()])
    await pg.createDatabase('orders')
    await pg.psql('CREATE TABLE t AS SELECT generate_series(1, 1000) AS i', 'orders')
    const role = await pg.createRole('backup', 'SUPERUSER')
    stack = await layStack({
      coordinator: { env: { HOLDFAST_LOG__FILE: file() } },
      s3: { server: s3, bucket: await s3.createBucket() },
      agents: [
        {
          name: 'db1',
          logins: [{ engine: 'postgres', port: pg.port, user: role.user, passwordFile: role.passwordFile }],
        },
      ],
    })
    await stack.start()
  }, 120_000)

  afterAll(async () => {
    await stack?.stop()
    await Promise.all([pg?.stop(), s3?.[Symbol.asyncDispose]()])
    await folder?.remove()
  })

  test('one job is followed by its id from the decision to the parts in S3 and back', async () => {
    const job = await waitUntil(
      async () => {
        const { jobs } = await stack.ask<{
          jobs: readonly { job_id: string; subject_name: string; attempt_id: string }[]
        }>('job', 'list', '--state', 'succeeded')
        return jobs.find(each => each.subject_name.endsWith('/orders'))
      },
      { what: 'a backup of orders', timeout: 60_000, interval: 200 },
    )
    const agent = () => linesOf(stack.agent('db1').log())
    await waitUntil(
      () => agent().some(each => each.msg === 'result acknowledged' && each['job_id'] === job.job_id),
      {
        what: 'the acknowledgement in the log',
      },
    )
    const all = [...linesOf(readFileSync(file(), 'utf8')), ...agent()]
    const told = all.filter(each => each['job_id'] === job.job_id)
    const said = (name: string) => told.filter(each => each.name === name).map(each => each.msg)
    for (const message of ['job created', 'job assigned', 'job running', 'job succeeded', 'backup recorded'])
      expect(said('coordinator')).toContain(message)
    for (const message of ['accepted', 'started', 'children run', 'succeeded', 'result acknowledged'])
      expect(said('agent')).toContain(message)
    const operations = told.filter(each => each.msg === 'an object store operation is done')
    for (const operation of ['create-upload', 'upload-part', 'complete-upload', 'put'])
      expect(operations.map(each => each['operation'])).toContain(operation)
    expect(
      operations.filter(each => each['operation'] === 'upload-part').map(each => each['part']),
    ).toContain(1)
    // whatever names the attempt names the job, and nothing of it is said without either
    const attempt = told.find(each => each.msg === 'started')?.['attempt_id']
    expect(attempt).toMatch(/^att_/)
    for (const line of all)
      if (line['attempt_id'] === attempt) expect(line['job_id'], line.msg).toBe(job.job_id)
    for (const line of all)
      if (String(line['key']).includes(String(attempt))) expect(line['job_id'], line.msg).toBe(job.job_id)
  })

  test('every field of every line is documented', () => {
    const lines = [...linesOf(readFileSync(file(), 'utf8')), ...linesOf(stack.agent('db1').log())]
    expect(lines.length).toBeGreaterThan(20)
    const page = readFileSync(join(import.meta.dirname, '../../docs/reference/logs.md'), 'utf8')
    const names = new Set(lines.flatMap(line => Object.keys(line)))
    for (const name of names) {
      if (['level', 'time', 'name', 'msg'].includes(name)) continue
      expect(Object.keys(logFields)).toContain(name)
      expect(page).toContain(`| \`${name}\` |`)
    }
  })

  test('the file is rotated as logrotate does it: moved away, SIGHUP, and lines go on in a new one', async () => {
    renameSync(file(), `${file()}.1`)
    const before = readFileSync(`${file()}.1`, 'utf8')
    await stack.coordinator.kill('SIGHUP')
    await waitUntil(() => existsSync(file()), { what: 'a new log file' })
    await stack.holdfast('backup', 'start', 'orders', '--reason', 'test', '--wait')
    const lines = linesOf(readFileSync(file(), 'utf8')).map(each => each.msg)
    expect(lines).toContain('job created')
    expect(lines).not.toContain('the coordinator runs')
    expect(linesOf(before).map(each => each.msg)).toContain('the coordinator runs')
    expect(stack.coordinator.running).toBe(true)
  })
})
