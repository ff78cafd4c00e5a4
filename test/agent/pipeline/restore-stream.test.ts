import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import type { ManifestObject } from '../../../shared/model/manifest.ts'
import { objectKey } from '../../../shared/object-store/port.ts'
import { Bench, requireTools, sha256 } from './bench.ts'

const tools = await requireTools('the pipeline: restore-stream')

let bench: Bench
let objects: readonly ManifestObject[]
let rawBytes: number
let consumed: string

beforeAll(async () => {
  bench = await Bench.open(4)
  const outcome = await bench.backup('seq 1 200000', { partSize: 20_000 })
  objects = await bench.complete(outcome)
  rawBytes = outcome.rawBytes
  consumed = join(bench.scripts.folder, 'consumed')
  expect(objects.length).toBeGreaterThan(1)
})
afterAll(() => bench.remove())

const consume = () => `cat > ${consumed}`

/** Stores one object of one part whose manifest tells `told` of `bytes`. */
async function objectOf(key: string, bytes: Buffer, told: Buffer = bytes): Promise<ManifestObject> {
  await bench.store.put(objectKey(key), bytes)
  return { key, size: String(told.length), parts: [{ size: told.length, sha256: sha256(told) }] }
}

describe.skipIf(tools.missing)('a restore stream', () => {
  it('gives the consumer every byte, although something is awaited between the spawns', async () => {
    const outcome = await bench.restore(objects, rawBytes, consume(), { betweenSpawns: () => pause(120) })
    const expected = Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join('')
    expect(sha256(await readFile(consumed))).toBe(sha256(Buffer.from(expected)))
    expect(outcome.stages.map(({ name, bytesIn, bytesOut }) => [name, bytesIn, bytesOut])).toEqual([
      ['zstd', objects.reduce((sum, object) => sum + Number(object.size), 0), rawBytes],
      ['meter', rawBytes, rawBytes],
      ['psql', rawBytes, undefined],
    ])
  })

  it('without a codec, and of nothing at all', async () => {
    for (const text of ['plain text\n', '']) {
      const object = await objectOf(`plain/${text.length}`, Buffer.from(text))
      await bench.restore([object], text.length, consume(), { codecs: ['none'] })
      expect(await readFile(consumed, 'utf8')).toBe(text)
    }
  })
})

describe.skipIf(tools.missing)('a restore stream fails when', () => {
  it('one byte of a part is wrong: backup.corrupt, and the consumer sees nothing of that part', async () => {
    const right = Buffer.concat([Buffer.alloc(1000, 'a'), Buffer.alloc(1000, 'b')])
    const wrong = Buffer.from(right)
    wrong[1500] = 0
    await bench.store.put(objectKey('flipped'), wrong)
    const object = {
      key: 'flipped',
      size: '2000',
      parts: [right.subarray(0, 1000), right.subarray(1000)].map(part => ({
        size: 1000,
        sha256: sha256(part),
      })),
    }
    const error = await bench.restore([object], 2000, consume(), { codecs: ['none'] }).catch(thrown => thrown)
    expect(error.toFailure()).toMatchObject({ code: 'backup.corrupt', context: { key: 'flipped', part: 2 } })
    expect(await readFile(consumed, 'utf8')).not.toContain('b')
  })

  it('the first part is wrong: then nothing is started', async () => {
    const object = await objectOf('wrong', Buffer.from('wrong'), Buffer.from('right'))
    let children = 0
    const running = bench.restore([object], 5, consume(), {
      codecs: ['none'],
      onChildren: () => void children++,
    })
    await expect(running).rejects.toMatchObject({ code: 'backup.corrupt' })
    expect(children).toBe(0)
  })

  it.each([
    ['shorter', 'abc', 'abcd'],
    ['longer', 'abcde', 'abcd'],
  ])('the stored object is %s than the manifest says', async (how, stored, told) => {
    const object = await objectOf(`sized-${how}`, Buffer.from(stored), Buffer.from(told))
    await expect(bench.restore([object], 4, consume(), { codecs: ['none'] })).rejects.toMatchObject({
      code: 'backup.corrupt',
      message: `a stored object is ${how} than its manifest says`,
    })
  })

  it('an object is missing: backup.incomplete, before anything is started', async () => {
    const missing = { ...(objects[0] as ManifestObject), key: 'data/none' }
    await expect(bench.restore([...objects, missing], rawBytes, consume())).rejects.toMatchObject({
      code: 'backup.incomplete',
      context: { key: 'data/none' },
    })
  })

  it('the parts do not add up, or the key is none', async () => {
    const [object] = objects
    if (object === undefined) throw new Error('no object')
    await expect(bench.restore([{ ...object, size: '1' }], rawBytes, consume())).rejects.toMatchObject({
      code: 'manifest.invalid',
    })
    await expect(bench.restore([{ ...object, key: '../etc' }], rawBytes, consume())).rejects.toMatchObject({
      code: 'manifest.invalid',
    })
  })

  it('the raw bytes are not those of the manifest', async () => {
    await expect(bench.restore(objects, rawBytes + 1, consume())).rejects.toMatchObject({
      code: 'stage.bytes-lost',
      context: { from: 'meter', wrote_bytes: rawBytes, read_bytes: rawBytes + 1 },
    })
  })

  it('the stored stream is no zstd, though every hash is right', async () => {
    const object = await objectOf('garbage', Buffer.from('garbage'))
    await expect(bench.restore([object], 7, consume())).rejects.toMatchObject({
      code: 'stage.failed',
      context: { stage: 'zstd' },
    })
  })

  it('the decompressor exits 0 early', async () => {
    const zstd = await bench.scripts.script('unzstd-early', 'zstd "$@" | head -c 5000; sleep 0.3; exit 0')
    const raw = Buffer.alloc(6000, 'x')
    const object = await objectOf('early', zstdCompressSync(raw))
    await expect(bench.restore([object], 6000, consume(), {}, { zstd })).rejects.toMatchObject({
      code: 'stage.bytes-lost',
    })
  })

  it.each([20_000, 1_288_894])('the consumer exits 0 with bytes unread, of %i', async size => {
    const raw = Buffer.alloc(size, 'x')
    const object = await objectOf(`unread-${size}`, zstdCompressSync(raw))
    const early = 'dd bs=1000 count=1 of=/dev/null 2>/dev/null; sleep 0.3; exit 0'
    await expect(bench.restore([object], size, early)).rejects.toMatchObject({
      code: 'stage.bytes-lost',
      context: { stage: 'psql' },
    })
  })

  it('the consumer exits 1 after everything', async () => {
    await expect(
      bench.restore(objects, rawBytes, 'cat >/dev/null; echo "ERROR: relation exists" >&2; exit 1'),
    ).rejects.toMatchObject({
      code: 'stage.failed',
      context: { stage: 'psql', status: 1, stderr: 'ERROR: relation exists' },
    })
  })

  it('the consumer is killed half-way', async () => {
    await expect(
      bench.restore(objects, rawBytes, 'head -c 100000 >/dev/null; kill -KILL $$'),
    ).rejects.toMatchObject({ context: { stage: 'psql', signal: 'SIGKILL' } })
  })

  it('it is cancelled while the consumer hangs', async () => {
    const controller = new AbortController()
    const running = bench.restore(objects, rawBytes, 'trap "" TERM; while :; do sleep 0.05; done', {
      signal: controller.signal,
      onChildren: () => setTimeout(() => controller.abort(new AppError('job.cancelled')), 100),
    })
    await expect(running).rejects.toMatchObject({ code: 'job.cancelled' })
  })
})
