import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import { judge, ReportFile, readReport } from '../../../agent/last-backup/index.ts'
import { type Report, reported, reportSchema } from '../../../agent/last-backup/report.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { attemptPrefix } from '../../../shared/object-store/index.ts'
import { temporaryFolder } from '../../harness/index.ts'

const hour = 3_600_000
const noon = Date.UTC(2026, 10, 22, 12)
const me = { host: 'db1', agent_id: 'agt_1', agent_version: '0.1.0' }

function result(
  database: string | undefined,
  over: Partial<AttemptResult> & { readonly at?: number } = {},
): AttemptResult {
  const { at = noon, ...rest } = over
  const place = { cluster: 'orders', class: 'daily' as const, at, attemptId: 'att_1' }
  const manifest = {
    committed_at: at,
    data_as_of: at - 60_000,
    cluster: { name: 'orders' },
    databases: database === undefined ? [] : [{ name: database }],
  }
  return {
    version: 1,
    result_id: 'r',
    attempt: { job_id: 'j', attempt_id: 'att_1', epoch: 1 },
    kind: 'backup',
    outcome: 'succeeded',
    manifest: Buffer.from(JSON.stringify(manifest)).toString('base64'),
    manifest_key: 'v1/manifests/x.json',
    destination: 's3',
    attempt_prefix: attemptPrefix({ ...place, ...(database === undefined ? {} : { database }) }),
    started_at: at - 120_000,
    ended_at: at,
    raw_bytes: 1_000,
    stored_bytes: 300,
    debris: [],
    peak_rss_bytes: 0,
    ...rest,
  }
}

function failed(database: string, at: number): AttemptResult {
  const failure = { code: 'database.unreachable', message: 'no route', hint: '', context: {} } as const
  const { manifest: _, ...rest } = result(database, { at, outcome: 'failed', raw_bytes: 0, stored_bytes: 0 })
  return { ...rest, failure: { ...failure, context: {} } }
}

const fold = (...results: readonly AttemptResult[]): Report => {
  const report = results.reduce<Report | undefined>((before, each) => reported(before, each, me), undefined)
  if (report === undefined) throw new Error('no report')
  return reportSchema.parse(report)
}
const limits = { warn: 26 * hour, critical: 50 * hour, atLeast: 1 }

describe('the status file', () => {
  test('a failure takes nothing from the last good backup, and is told beside it', () => {
    const report = fold(result('Été/1'), failed('Été/1', noon + hour))
    expect(report).toMatchObject({
      status: 'failing',
      databases_backed_up: 1,
      databases_failing: 1,
      stored_bytes: 300,
    })
    expect(report.databases).toMatchObject([
      {
        database: 'Été/1',
        status: 'failed',
        upload: 'none',
        failure: { code: 'database.unreachable' },
        last_good: { data_as_of: '2026-11-22T11:59:00.000Z', stored_bytes: 300 },
      },
    ])
  })

  test('a database that never had a good backup is named by its slug', () => {
    expect(fold(failed('Été/1', noon)).databases).toMatchObject([{ cluster: 'orders', database: 't-1' }])
  })

  test('a success that is no manifest of ours is not a good backup', () => {
    const report = fold(result('app', { manifest: Buffer.from('{}').toString('base64') }))
    expect(report.databases_backed_up).toBe(0)
  })

  test('globals of the cluster have no database name; restores and deletes are no backups', () => {
    const report = fold(result(undefined))
    expect(report.databases).toMatchObject([{ cluster: 'orders', database: '' }])
    expect(reported(report, { ...result('x'), kind: 'restore' }, me)).toBe(report)
  })

  test('sums are over the last good backup of each; what was not tried for a quarter goes', () => {
    const report = fold(
      result('old', { at: noon - 91 * 24 * hour }),
      result('a'),
      result('b'),
      result('a', { at: noon + 1 }),
    )
    expect(report).toMatchObject({ databases_backed_up: 2, raw_bytes: 2_000 })
  })

  test('is replaced whole, readable for monitors, and survives a restart', async () => {
    await using folder = await temporaryFolder('report')
    const path = join(folder.path, 'last_backup.json')
    const file = await ReportFile.open(path, me, silentLog)
    for (const name of ['a', 'b', 'c']) file.add(result(name))
    await file.close()
    expect((await stat(path)).mode & 0o777).toBe(0o644)
    const again = await ReportFile.open(path, me, silentLog)
    again.add(failed('a', noon + 1))
    await again.close()
    expect(await readReport(path)).toMatchObject({ databases_backed_up: 3, databases_failing: 1 })
  })

  test('damage and a folder that cannot be written are told, and end nothing', async () => {
    await using folder = await temporaryFolder('report')
    const path = join(folder.path, 'last_backup.json')
    await writeFile(path, '{"format":')
    const told: string[] = []
    const log = { ...silentLog, warn: (message: string) => void told.push(message) }
    const file = await ReportFile.open(path, me, log)
    file.add(result('a'))
    await file.close()
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ databases_backed_up: 1 })
    await mkdir(join(folder.path, 'taken'))
    const blocked = await ReportFile.open(join(folder.path, 'taken'), me, log)
    blocked.add(result('a'))
    await blocked.close()
    expect(told).toEqual([
      'the status file begins anew',
      'the status file begins anew',
      'the status file could not be written',
    ])
  })
})

describe('check', () => {
  test('all is well: one line with perfdata', () => {
    expect(judge(fold(result('app')), limits, noon + hour)).toEqual({
      state: 'OK',
      text: 'HOLDFAST OK - 1 databases, oldest data 1h 1m | oldest=3660s;93600;180000;0 databases=1;;;0 failing=0;;;0 stored=300B;;;0',
    })
  })

  test('old data is bad although its backup succeeded: a dead agent is seen', () => {
    expect(judge(fold(result('app')), limits, noon + 30 * hour).state).toBe('WARNING')
    const late = judge(fold(result('app')), limits, noon + 60 * hour)
    expect(late.state).toBe('CRITICAL')
    expect(late.text).toContain('CRITICAL: orders/app: data is 2d 12h old')
  })

  test('a failure warns while the good backup is young, and is named', () => {
    const { state, text } = judge(fold(result('app'), failed('app', noon + hour)), limits, noon + 2 * hour)
    expect(state).toBe('WARNING')
    expect(text).toContain('orders/app: last attempt failed: database.unreachable, good backup 2h 1m old')
  })

  test('no good backup at all, and too few, are critical', () => {
    expect(judge(fold(failed('app', noon)), limits, noon).state).toBe('CRITICAL')
    const { state, text } = judge(fold(result('app')), { ...limits, atLeast: 12 }, noon)
    expect(state).toBe('CRITICAL')
    expect(text).toContain('1 databases have a good backup, at least 12 should')
  })
})
