import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../shared/errors/index.ts'
import {
  Backup,
  Database,
  Gap,
  GetStatusResponse,
  Instance,
  Job,
  type ListJobsRequest,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Answers } from '../harness/fake-operator-service.ts'
import { freePort } from '../harness/index.ts'
import { holdfast, now } from './holdfast.ts'

const jobId = 'job_01890a5d-ac96-774b-bcce-b302099a8057'
const backupId = 'bak_01890a5d-ac96-774b-bcce-b302099a8058'

const job = (partial: Partial<Job>) =>
  Job.fromPartial({
    jobId,
    kind: 'backup',
    subjectName: 'orders-db/orders',
    state: 'queued',
    createdAt: now - 5_000,
    ...partial,
  })

describe('errors a person can act on', () => {
  test('a coordinator that does not answer: exit 14, its address, and what to do', async () => {
    const { status, err } = await holdfast(['status'], { address: `127.0.0.1:${await freePort()}` })
    expect(status).toBe(14)
    expect(err).toMatch(/^error: the coordinator does not answer \[coordinator\.unreachable\]/)
    expect(err).toMatch(/address: 127\.0\.0\.1:\d+/)
    expect(err).toContain('HOLDFAST_COORDINATOR')
  })

  test('an address off this machine is refused before anything is sent, until there is mTLS', async () => {
    const { status, err } = await holdfast(['status', '-c', '192.0.2.1:7000'])
    expect(status).toBe(10)
    expect(err).toContain('plaintext')
  })

  test('an address without a port, an unknown format, an unknown command: exit 2', async () => {
    expect((await holdfast(['status', '-c', 'nonsense'])).status).toBe(2)
    expect((await holdfast(['status', '-o', 'xml'])).err).toContain('there are table, wide, json, yaml, csv')
    const unknown = await holdfast(['jobs'])
    expect(unknown.status).toBe(2)
    expect(unknown.err).toContain("unknown command 'jobs'")
  })

  test('a coordinator older than the client says that it must be upgraded', async () => {
    const { status, err } = await holdfast(['agent', 'list'])
    expect(status).toBe(14)
    expect(err).toContain('upgrade the coordinator first')
  })

  test('with -o json the error is JSON too, with code and hint', async () => {
    const { status, err, out } = await holdfast(['job', 'get', jobId, '-o', 'json'], {
      answers: {
        getJob: () => {
          throw new AppError('not-found', { context: { job: jobId } })
        },
      },
    })
    expect(status).toBe(11)
    expect(out).toBe('')
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'not-found', context: { job: jobId } } })
  })

  test('a noun without a verb shows its verbs and exits 2', async () => {
    const { status } = await holdfast(['job'])
    expect(status).toBe(2)
  })
})

describe('tables', () => {
  const wide = Database.fromPartial({
    databaseId: 'dbs_01890a5d-ac96-774b-bcce-b302099a8057',
    name: 'a-database-with-a-rather-long-name-of-sixty-three-bytes-xxxxxxx',
    service: 'orders-production-db',
    engine: 'postgres',
    sizeBytes: 1.5e12,
    protection: 'unprotected',
    reason: 'ambiguous-agent',
    lastBackupDataAsOf: now - 90_061_000,
    nextDueAt: now + 86_400_000,
  })

  test.each([80, 100, 140])('the widest database row fits a terminal of %i columns', async width => {
    const { out, status } = await holdfast(['database', 'list'], {
      width,
      answers: { listDatabases: () => ({ databases: [wide], nextPageToken: '' }) },
    })
    expect(status).toBe(0)
    for (const line of out.trimEnd().split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(width)
  })

  test('a backup says how many of its copies are there, and why one is not', async () => {
    const backup = Backup.fromPartial({
      backupId,
      subjectName: 'shop/orders',
      copies: [
        {
          destination: 'eu',
          url: 's3://eu',
          manifestKey: 'v1/m.json',
          state: 'present',
          verifiedAt: now - 1000,
        },
        {
          destination: 'us',
          url: 's3://us',
          manifestKey: 'v1/m.json',
          state: 'failed',
          missingSince: now - 5000,
          failure: { code: 'copy.lagging', message: 'too slow', hint: '', context: [], problems: [] },
        },
      ],
    })
    const answers = {
      listBackups: () => ({ backups: [backup], nextPageToken: '' }),
      getBackup: () => ({ backup, manifest: Buffer.alloc(0) }),
    }
    expect((await holdfast(['backup', 'list'], { answers })).out).toMatch(/\b1\/2\b/)
    const { out } = await holdfast(['backup', 'get', backupId], { answers, width: 200 })
    expect(out).toContain('eu (present, verified')
    expect(out).toMatch(/us \(failed, missing since .*copy\.lagging: too slow/)
  })

  test('a copy by hand asks for a destination and a reason, and sends both', async () => {
    expect((await holdfast(['backup', 'copy', backupId, '--reason', 'x'])).status).not.toBe(0)
    const { status, seen } = await holdfast(
      ['backup', 'copy', backupId, '--to', 'us', '--reason', 'second region'],
      { answers: { copyBackup: () => ({ job: job({}), existing: false }) } },
    )
    expect(status).toBe(0)
    expect(seen.find(each => each.method === 'copyBackup')?.request).toMatchObject({
      backupId,
      destination: 'us',
      reason: 'second region',
      requestId: expect.stringMatching(/./),
    })
  })

  test('job and backup ids are whole, so that they can be copied, and still fit 100 columns', async () => {
    const { out } = await holdfast(['backup', 'list'], {
      answers: {
        listBackups: () => ({
          backups: [
            Backup.fromPartial({
              backupId,
              subjectName: 'orders-production-db/a-long-database-name',
              engine: 'postgres',
              dataAsOf: now - 1000,
              rawBytes: 1e12,
              storedBytes: 1e11,
            }),
          ],
          nextPageToken: '',
        }),
      },
    })
    expect(out).toContain(backupId)
    for (const line of out.trimEnd().split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(100)
  })

  test('a list that goes on says so on stderr, and --all walks every page', async () => {
    const answers: Answers = {
      listJobs: (request: ListJobsRequest) =>
        request.pageToken === ''
          ? { jobs: [job({})], nextPageToken: 'more' }
          : { jobs: [job({ state: 'failed' })], nextPageToken: '' },
    }
    const first = await holdfast(['job', 'list', '--limit', '1'], { answers })
    expect(first.err).toBe('more rows: --all, or --page-token more\n')
    const all = JSON.parse((await holdfast(['job', 'list', '--all', '-o', 'json'], { answers })).out)
    expect(all.jobs.map((each: { state: string }) => each.state)).toEqual(['queued', 'failed'])
    expect(all.next_page_token).toBe('')
  })
})

describe('warnings', () => {
  test('what a backup role lacks stands below the list of instances, and in its JSON', async () => {
    const instances = [
      { service: 'orders-db', address: 'db1', port: 5432, engine: 'postgres', missingPrivileges: [] },
      {
        service: 'shop-db',
        address: 'db2',
        port: 3306,
        engine: 'mariadb',
        missingPrivileges: ['EVENT', 'TRIGGER'],
      },
    ].map(each => Instance.fromPartial(each))
    const answers = { listInstances: () => ({ instances, nextPageToken: '' }) }
    const { out, status } = await holdfast(['instance', 'list'], { answers })
    expect(status).toBe(0)
    expect(out.trimEnd().split('\n').at(-1)).toBe(
      'warning: the backup role on shop-db (db2:3306) lacks EVENT, TRIGGER',
    )
    expect(out.match(/warning/g)).toHaveLength(1)
    const json = JSON.parse((await holdfast(['instance', 'list', '-o', 'json'], { answers })).out)
    expect(json.instances[1].missing_privileges).toEqual(['EVENT', 'TRIGGER'])
  })
})

describe('exit status is an answer', () => {
  test('gap list: 1 when there is a gap, 0 when there is none', async () => {
    const gap = Gap.fromPartial({
      subjectKind: 'database',
      subjectName: 'orders-db/orders',
      state: 'breached',
      reason: 'overdue',
      since: now - 60_000,
    })
    expect(
      (await holdfast(['gap', 'list'], { answers: { listGaps: () => ({ gaps: [gap], nextPageToken: '' }) } }))
        .status,
    ).toBe(1)
    const none = await holdfast(['gap', 'list'], {
      answers: { listGaps: () => ({ gaps: [], nextPageToken: '' }) },
    })
    expect(none).toMatchObject({
      status: 0,
      out: 'no gap: every known instance and database is looked after\n',
    })
  })

  test('backup start --wait fails when the job failed, with the reason on stderr', async () => {
    const failure = {
      code: 'stage.bytes-lost',
      message: 'bytes were lost between two stages of the pipeline',
      hint: 'Check the host.',
      context: [{ name: 'stage', value: 'zstd' }],
      problems: [],
    }
    const { status, err, out } = await holdfast(['backup', 'start', 'orders', '--wait'], {
      answers: { startBackup: () => ({ job: job({}), existing: false }) },
      watched: [job({ state: 'running' }), job({ state: 'failed', failure })],
    })
    expect(status).toBe(1)
    expect(out).toContain(`${jobId} failed`)
    expect(err).toContain('[stage.bytes-lost]')
    expect(err).toContain('stage: zstd')
  })

  test('backup start --wait succeeds with the backup it made', async () => {
    const { status, out, seen } = await holdfast(
      ['backup', 'start', 'orders', '--wait', '--reason', 'before the migration'],
      {
        width: 140,
        answers: { startBackup: () => ({ job: job({}), existing: false }) },
        watched: [
          job({
            state: 'succeeded',
            backupId,
            rawBytes: 2048,
            storedBytes: 1024,
            startedAt: now - 2000,
            endedAt: now,
          }),
        ],
      },
    )
    expect(status).toBe(0)
    expect(out).toBe(`${jobId} succeeded in 2s, ${backupId}, 2.0 KiB raw, 1.0 KiB stored\n`)
    expect(seen[0]?.request).toMatchObject({
      database: 'orders',
      reason: 'before the migration',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
  })

  test('audit verify: 1 when the chain is broken, naming the row', async () => {
    const { status, out } = await holdfast(['audit', 'verify'], {
      answers: {
        verifyAudit: () => ({
          intact: false,
          checked: 6,
          brokenSeq: 7,
          problem: 'hash differs',
          headSeq: 9,
          headHash: 'x',
          detail: 'rows from 5 on were rewritten',
          ...{ anchorDestination: 'anchors', anchors: 3, anchoredSeq: 8 },
        }),
      },
    })
    expect(status).toBe(1)
    expect(out).toContain('broken at 7: hash differs')
    expect(out).toContain('rows from 5 on were rewritten')
  })
})

test('status shows the fleet on one screen', async () => {
  const { out } = await holdfast(['status'], {
    answers: {
      getStatus: () =>
        GetStatusResponse.fromPartial({
          version: '0.1.0',
          leader: true,
          term: 3,
          startedAt: now - 60_000,
          now,
          storeKind: 'sqlite',
          incarnation: 'inc_x',
          databases: 4,
          protected: 3,
          breached: 1,
          storedBytes: 5e9,
          discovery: [{ source: 'consul', ok: true, lastOkAt: now }],
        }),
    },
  })
  expect(out).toContain('databases          4: 3 protected, 0 due, 0 at risk, 1 breached, 0 unprotected')
  expect(out).toContain('leading (term 3)')
})
