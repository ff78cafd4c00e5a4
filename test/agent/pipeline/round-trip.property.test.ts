import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifiedParts } from '../../../agent/pipeline/download/verified-parts.ts'
import { ObjectWriter } from '../../../agent/pipeline/upload/object-writer.ts'
import { codecs } from '../../../shared/model/engine.ts'
import { objectKey } from '../../../shared/object-store/port.ts'
import { Bench, requireTools } from './bench.ts'

const tools = await requireTools('the pipeline: round-trip')

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open(5)
})
afterAll(() => bench.remove())

const signal = new AbortController().signal

describe.skipIf(tools.missing)('any bytes', () => {
  it('in any chunks, of any length, by any part size, come back from the store as they were', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 50 }),
        async (chunks, partSize) => {
          const stem = `any/${run++}`
          const writer = new ObjectWriter({
            store: bench.store,
            keyOf: index => objectKey(`${stem}-${index}`),
            partSize,
            signal,
            onFailure: thrown => {
              throw thrown
            },
          })
          await writer.open()
          for (const chunk of chunks) await writer.write(chunk)
          const pending = await writer.finish()
          for (const object of pending) await bench.store.completeUpload(object, object.parts)
          const back: Buffer[] = []
          const objects = pending.map(({ key, size, parts }) => ({
            key,
            size: String(size),
            parts: [...parts],
          }))
          for await (const part of verifiedParts(objects, bench.store, signal)) back.push(part)
          expect(Buffer.concat(back).equals(Buffer.concat(chunks))).toBe(true)
          expect(pending.slice(0, -1).every(({ parts }) => parts.length === 5)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('go through the whole pipeline and back, of any length and part size, with every codec', async () => {
    const source = join(bench.scripts.folder, 'source')
    const target = join(bench.scripts.folder, 'target')
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3_000 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 200, max: 5_000 }),
        fc.constantFrom(...codecs),
        async (bytes, times, partSize, codec) => {
          const raw = Buffer.concat(Array.from({ length: times }, () => bytes))
          await writeFile(source, raw)
          const outcome = await bench.backup(`exec cat ${source}`, { codec, partSize })
          await bench.restore(await bench.complete(outcome), raw.length, `exec cat > ${target}`, {
            codecs: [codec],
          })
          expect((await readFile(target)).equals(raw)).toBe(true)
        },
      ),
      { numRuns: 15 },
    )
  })
})
