import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import { keepAcknowledgedFor, Spool } from '../../../agent/jobs/spool.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { type TemporaryFolder, temporaryFolder } from '../../harness/index.ts'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder('spool')
})
afterEach(() => folder.remove())

const open = (now = 0, log = silentLog) => Spool.open(folder.path, now, log)

function result(id: string, endedAt = 1): AttemptResult {
  return {
    version: 1,
    result_id: id,
    attempt: { job_id: 'job_1', attempt_id: `att_${id}`, epoch: 1 },
    kind: 'backup',
    outcome: 'failed',
    failure: { code: 'stage.failed', message: 'm', hint: 'h', context: { stage: 'pg_dump' } },
    destination: 'main',
    attempt_prefix: 'v1/data/x/',
    started_at: 0,
    ended_at: endedAt,
    raw_bytes: 0,
    stored_bytes: 0,
    debris: ['v1/data/x/a'],
    peak_rss_bytes: 0,
  }
}

const answer = (disposition: 'recorded' | 'surplus' | 'rejected', incarnation = 'inc_1') => ({
  disposition,
  reason: 'because',
  incarnation,
})

describe('the spool', () => {
  it('keeps a result over a restart, oldest first, until it is answered (J12)', async () => {
    const spool = await open()
    await spool.add(result('res_b', 2))
    await spool.add(result('res_a', 1))
    expect((await open()).pending()).toEqual([result('res_a', 1), result('res_b', 2)])
    expect(await spool.acknowledge('res_a', answer('recorded'), 5)).toMatchObject({ result_id: 'res_a' })
    expect(await spool.acknowledge('res_a', answer('recorded'), 5)).toBeUndefined()
    const again = await open(6)
    expect(again.pending().map(each => each.result_id)).toEqual(['res_b'])
    expect(again.lastIncarnation).toBe('inc_1')
    expect(again.ofAttempt('att_res_a')).toEqual(result('res_a', 1))
  })

  it('puts a rejected result apart for people and sends it no more', async () => {
    const spool = await open()
    await spool.add(result('res_a'))
    await spool.acknowledge('res_a', answer('rejected'), 5)
    expect(spool.size).toEqual({ pending: 0, acknowledged: 0, rejected: 1 })
    const [file = ''] = await readdir(join(folder.path, 'spool', 'rejected'))
    expect(await readFile(join(folder.path, 'spool', 'rejected', file), 'utf8')).toContain('because')
    expect(await (await open()).reviveFor('inc_2')).toBe(0)
  })

  it('sends what was acknowledged again to a store of another incarnation (A5), and only to that', async () => {
    const spool = await open()
    await spool.add(result('res_a'))
    await spool.acknowledge('res_a', answer('surplus'), 5)
    expect(await spool.reviveFor('inc_1')).toBe(0)
    expect(await spool.reviveFor('inc_2')).toBe(1)
    expect((await open(6)).pending()).toHaveLength(1)
    await spool.acknowledge('res_a', answer('recorded', 'inc_2'), 7)
    expect(await spool.reviveFor('inc_2')).toBe(0)
    expect(spool.pending()).toEqual([])
  })

  it('forgets what was acknowledged 14 days ago', async () => {
    const spool = await open()
    await spool.add(result('res_a'))
    await spool.acknowledge('res_a', answer('recorded'), 1_000)
    expect((await open(999 + keepAcknowledgedFor)).size.acknowledged).toBe(1)
    expect((await open(1_000 + keepAcknowledgedFor)).size.acknowledged).toBe(0)
    expect(await readdir(join(folder.path, 'spool', 'acked'))).toEqual([])
  })

  it('died between keeping an answer and dropping the result: the answer counts', async () => {
    const spool = await open()
    await spool.add(result('res_a'))
    const pending = join(folder.path, 'spool', 'res_a.json')
    const bytes = await readFile(pending)
    await spool.acknowledge('res_a', answer('recorded'), 5)
    await writeFile(pending, bytes)
    const again = await open(6)
    expect(again.pending()).toEqual([])
    expect(again.size.acknowledged).toBe(1)
  })

  it.each([
    ['torn', '{"version":1,"result_id":"res_x","att'],
    ['empty', ''],
    ['foreign', '{"hello":"world"}'],
    ['of another name', JSON.stringify(result('res_other'))],
  ])('sets a file that is %s aside, says so, and goes on', async (_what, content) => {
    const spool = await open()
    await spool.add(result('res_a'))
    await writeFile(join(folder.path, 'spool', 'res_x.json'), content)
    const warned: string[] = []
    const again = await open(0, { ...silentLog, warn: message => warned.push(message) })
    expect(again.pending().map(each => each.result_id)).toEqual(['res_a'])
    expect(await readdir(join(folder.path, 'aside'))).toEqual(['res_x.json'])
    expect(warned).toHaveLength(1)
  })

  it('an unwritable folder is a clear error; the result is held, and an answer to it ends the matter', async () => {
    const spool = await open()
    // a folder where the file has to go
    await mkdir(join(folder.path, 'spool', 'res_a.json'))
    await expect(spool.add(result('res_a'))).rejects.toMatchObject({ code: 'agent.state-unwritable' })
    expect(spool.pending()).toHaveLength(1)
  })
})
