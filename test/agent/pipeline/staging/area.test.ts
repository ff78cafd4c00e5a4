import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { StagingArea } from '../../../../agent/pipeline/staging/index.ts'
import { bootId, recordOf } from '../../../../agent/process/child-record.ts'
import { silentLog } from '../../../../shared/log/index.ts'
import { openDirectoryStore } from '../../../../shared/object-store/directory.ts'
import { objectKey } from '../../../../shared/object-store/port.ts'
import { temporaryFolder } from '../../../harness/index.ts'

const { capabilities } = openDirectoryStore('/nowhere')
const attempt = 'att_01890a5d-0000-7000-8000-000000000001'
const key = objectKey('data/x')
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function all(chunks: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const read: Buffer[] = []
  for await (const chunk of chunks) read.push(chunk)
  return read
}

function areaIn(folder: string, free = async () => 1e9): StagingArea {
  return new StagingArea({ folder, reserveBytes: 100, log: silentLog, freeSpace: free })
}

describe('the staging area', () => {
  it('P4: sweeps what dead processes left, of this boot or another, and never what a live one uses', async () => {
    await using folder = await temporaryFolder('staging')
    const area = areaIn(folder.path)
    const sleeper = spawn('/bin/sleep', ['600'], { stdio: 'ignore' })
    try {
      const alive = recordOf('sleep', sleeper.pid ?? 0)
      const name = (pid: number, start: string, boot: string) => `${attempt}~${pid}~${start}~${boot}`
      const live = name(alive?.pid ?? 0, alive?.startTime ?? '', bootId())
      const dead = [
        // the same pid, another process; another boot; nobody
        name(alive?.pid ?? 0, '1', bootId()),
        name(alive?.pid ?? 0, alive?.startTime ?? '', '0000-dead'),
        name(4_000_000, '5', bootId()),
      ]
      for (const each of [live, ...dead, 'somebody-elses']) await mkdir(join(folder.path, each))
      await writeFile(join(folder.path, dead[0] ?? '', 'staged-0'), 'x'.repeat(1_000))
      await using ours = await area.open(attempt, 10, capabilities)
      await ours.uploads.createUpload(key)
      expect(await area.sweep()).toBe(1_000)
      const left = await readdir(folder.path)
      expect(left).toHaveLength(3)
      expect(left).toContain(live)
      expect(left).toContain('somebody-elses')
    } finally {
      sleeper.kill('SIGKILL')
      await once(sleeper, 'close')
    }
  })

  it('promises what is still to be written, and forgets it at the end', async () => {
    await using folder = await temporaryFolder('staging')
    const area = areaIn(join(folder.path, 'made', 'by', 'us'))
    const staging = await area.open(attempt, 1_000, capabilities)
    expect(area.promisedBytes).toBe(1_000)
    const upload = await staging.uploads.createUpload(key)
    await staging.uploads.uploadPart(upload, 1, Buffer.alloc(300), hash(Buffer.alloc(300)))
    expect(area.promisedBytes).toBe(700)
    await staging[Symbol.asyncDispose]()
    expect(area.promisedBytes).toBe(0)
    expect(await readdir(area.folder)).toEqual([])
  })

  it('P2: gives back what it took, and refuses bytes that changed or vanished on the disk', async () => {
    await using folder = await temporaryFolder('staging')
    const area = areaIn(folder.path)
    await using staging = await area.open(attempt, 0, capabilities)
    const upload = await staging.uploads.createUpload(key)
    const parts = [Buffer.alloc(3_000_000, 'a'), Buffer.alloc(10, 'b')]
    for (const [index, part] of parts.entries())
      await staging.uploads.uploadPart(upload, index + 1, part, hash(part))
    expect(Buffer.concat(await all(staging.uploads.read(upload)))).toEqual(Buffer.concat(parts))
    const [own = ''] = await readdir(folder.path)
    const file = join(folder.path, own, 'staged-0')
    await truncate(file, 3_000_005)
    await expect(all(staging.uploads.read(upload))).rejects.toMatchObject({
      code: 'object-store.corrupt',
      context: { part: 2 },
    })
    await writeFile(file, Buffer.alloc(3_000_010, 'c'))
    await expect(all(staging.uploads.read(upload))).rejects.toMatchObject({
      code: 'object-store.corrupt',
      context: { part: 1 },
    })
  })

  it('that cannot be made or written says so', async () => {
    await using folder = await temporaryFolder('staging')
    await writeFile(join(folder.path, 'file'), '')
    const area = areaIn(join(folder.path, 'file'))
    const unusable = { code: 'staging.unusable', context: { folder: area.folder } }
    await expect(area.freeBytes()).rejects.toMatchObject(unusable)
    await expect(area.open(attempt, 0, capabilities)).rejects.toMatchObject(unusable)
    expect(area.promisedBytes).toBe(0)
  })
})
