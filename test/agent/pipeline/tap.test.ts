import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { meterStages } from '../../../agent/pipeline/footer.ts'
import { createToolFinder, joinProcesses } from '../../../agent/process/index.ts'
import { requireServers } from '../../harness/index.ts'

const servers = await requireServers('a tap on the head of a stream', 'pv')
const tools = createToolFinder()
const whole = Buffer.from(Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join(''))
const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** What came through, and what the tap was given. */
async function tapped(headBytes: number | undefined, reader: readonly [string, ...string[]]) {
  const [program, ...args] = reader
  let given = Buffer.alloc(0)
  const { meter, stages } = await meterStages(
    tools,
    {
      command: { name: 'reader', program, args },
      take: chunk => {
        given = Buffer.concat([given, chunk])
      },
      ...(headBytes === undefined ? {} : { headBytes }),
    },
    () => {},
  )
  const joined = await joinProcesses({
    stages: [{ command: { name: 'dump', program: '/usr/bin/seq', args: ['1', '300000'] } }, ...stages],
    input: false,
    output: true,
    tools,
    signal: AbortSignal.timeout(30_000),
  })
  const through: Buffer[] = []
  // the buffer is used again
  const drained = joined.output?.drain(chunk => {
    through.push(Buffer.from(chunk))
  })
  await drained?.catch(() => {})
  return { end: await joined.ended, through: Buffer.concat(through), given, counted: meter.bytes }
}

describe.skipIf(servers.missing)('a tap on the head of a stream', () => {
  it.each([
    ['some bytes', 1_000],
    ['no whole buffer', 12_345],
    ['more than there is', 100_000_000],
    ['everything', undefined],
  ])('gives its reader %s and hands every byte on', async (_label, headBytes) => {
    const { end, through, given, counted } = await tapped(headBytes, ['/usr/bin/cat'])
    expect(end.cause).toBeUndefined()
    expect(counted).toBe(whole.length)
    expect(hashOf(through)).toBe(hashOf(whole))
    expect(hashOf(given)).toBe(hashOf(whole.subarray(0, headBytes ?? whole.length)))
  })

  it('goes on when its reader has had enough', async () => {
    const { end, through, given, counted } = await tapped(1_000_000, ['/usr/bin/head', '-c', '10'])
    expect(end.cause).toBeUndefined()
    expect(counted).toBe(whole.length)
    expect(hashOf(through)).toBe(hashOf(whole))
    expect(given.length).toBe(10)
  })

  it('fails when its reader cannot make sense of it', async () => {
    const { end } = await tapped(1_000, ['/bin/sh', '-c', 'cat > /dev/null; exit 3'])
    expect(end.cause).toMatchObject({ code: 'stage.failed', context: { stage: 'reader', status: 3 } })
  })
})
