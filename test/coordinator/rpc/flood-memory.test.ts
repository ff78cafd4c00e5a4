import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer, tokenMetadataKey } from '../../../shared/wire/bearer.ts'
import { AgentLinkServiceService } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { OperatorServiceService } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { type Running, running } from '../running.ts'
import { noise } from './wire-noise.ts'

const mebibyte = 2 ** 20
/** What a flood may leave behind, client and server together: caches fill, nothing grows with it. */
const mayKeep = 32 * mebibyte
const atOnce = 40

let fleet: Running
let client: Client
beforeAll(async () => {
  const limits = { calls: { rate: 100_000, burst: 100_000 } }
  fleet = await running({ limits })
  client = new Client(`127.0.0.1:${fleet.port}`, credentials.createInsecure())
})
afterAll(async () => {
  client.close()
  await fleet[Symbol.asyncDispose]()
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that are held once everything that nobody holds is gone. */
async function held(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise<void>(resolve => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const same = (bytes: Buffer) => bytes
const bytes = fc.sample(noise(), { numRuns: 200, seed: 7 })
const padded = (i: number) =>
  // a field nobody knows, of 100 kB: skipped, and not kept
  Buffer.concat([
    bytes[i % bytes.length] ?? Buffer.alloc(0),
    Buffer.from([0xfa, 0xff, 0x07, 0xa0, 0x8d, 0x06]),
    Buffer.alloc(100_000, i),
  ])

/** A call of a stranger who shows another invalid token each time. */
function call(i: number): Promise<void> {
  const metadata = new Metadata()
  if (i % 2 === 0) metadata.set(tokenMetadataKey, bearer(`hft_${String(i).padStart(43, '0')}`))
  const { path } = OperatorServiceService.listJobs
  return new Promise(resolve =>
    client.makeUnaryRequest<Buffer, Buffer>(path, same, same, padded(i), metadata, () => resolve()),
  )
}

function stream(i: number): Promise<void> {
  return new Promise(resolve => {
    const opened = client.makeBidiStreamRequest<Buffer, Buffer>(
      AgentLinkServiceService.connect.path,
      same,
      same,
    )
    opened.on('data', () => undefined)
    opened.on('error', () => undefined)
    opened.on('status', () => resolve())
    for (let n = 0; n < 5; n++) opened.write(padded(i + n))
    opened.end()
  })
}

async function flood(from: number, calls: number): Promise<void> {
  for (let i = from; i < from + calls; i += atOnce)
    await Promise.all(Array.from({ length: atOnce }, (_, n) => (n % 4 === 3 ? stream(i + n) : call(i + n))))
}

test('a flood leaves nothing behind: 300 MB of noise, and memory is what it was', async () => {
  await flood(0, 400)
  const before = await held()
  await flood(1_000, 1_600)
  const grown = (await held()) - before
  expect(grown, `${(grown / mebibyte).toFixed(1)} MiB`).toBeLessThan(mayKeep)
  expect(fleet.coordinator.term).toBe(1)
})
