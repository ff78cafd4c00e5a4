import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Journal } from '../../../agent/jobs/journal.ts'
import type { OpenRecord } from '../../../agent/jobs/journal-record.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { temporaryFolder } from '../../harness/index.ts'

function record(attemptId: string, changes: Partial<OpenRecord> = {}): OpenRecord {
  return {
    version: 1,
    phase: 'open',
    attempt: { job_id: 'job_1', attempt_id: attemptId, epoch: 1 },
    kind: 'backup',
    destination: { name: 'main', url: 'file:///x', profile: 'directory' },
    prefix: 'v1/data/x/',
    started_at: 1,
    agent_boot_id: 'boot',
    children: [],
    ...changes,
  }
}

describe('the journal', () => {
  it('holds the latest record of each attempt, over a restart', async () => {
    await using folder = await temporaryFolder('journal')
    const journal = await Journal.open(folder.path, silentLog)
    await journal.write(record('att_a'))
    await Promise.all([
      journal.write(record('att_a', { target: 'first' })),
      journal.write(record('att_a', { target: 'last' })),
    ])
    await journal.write(record('att_b'))
    await journal.remove('att_b')
    const again = await Journal.open(folder.path, silentLog)
    expect(await again.records()).toEqual([record('att_a', { target: 'last' })])
  })

  it('an attempt id of a peer chooses no path', async () => {
    await using folder = await temporaryFolder('journal')
    const journal = await Journal.open(folder.path, silentLog)
    await journal.write(record('../../evil'))
    expect(await readdir(folder.path)).toEqual(['aside', 'journal'])
    expect(await journal.records()).toHaveLength(1)
  })

  it('sets torn and foreign files aside, and sweeps what a writer that died left half written', async () => {
    await using folder = await temporaryFolder('journal')
    const journal = await Journal.open(folder.path, silentLog)
    await journal.write(record('att_a'))
    await writeFile(join(folder.path, 'journal', 'att_b.json'), '{"phase":"open"')
    await writeFile(join(folder.path, 'journal', 'att_c.json'), JSON.stringify(record('att_d')))
    await writeFile(join(folder.path, 'journal', '.att_e.json.0123'), 'half')
    expect((await journal.records()).map(each => each.attempt.attempt_id)).toEqual(['att_a'])
    expect(await readdir(join(folder.path, 'journal'))).toEqual(['att_a.json'])
    expect(await readdir(join(folder.path, 'aside'))).toEqual(['att_b.json', 'att_c.json'])
  })

  it('says so when the state folder takes no writes', async () => {
    await using folder = await temporaryFolder('journal')
    await writeFile(join(folder.path, 'file'), '')
    await expect(Journal.open(join(folder.path, 'file'), silentLog)).rejects.toMatchObject({
      code: 'agent.state-unwritable',
      context: { path: join(folder.path, 'file', 'journal') },
    })
  })
})
