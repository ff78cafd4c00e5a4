import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { describe, expect, test } from 'vitest'
import { agentFromHello, reportedResult } from '../../coordinator/rpc/agent-link/from-wire.ts'
import { failureFromWire } from '../../shared/wire/failure.ts'
import { ConnectRequest, ConnectResponse } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { fixtures } from './fixture.ts'

interface Frame {
  readonly message: 'ConnectRequest' | 'ConnectResponse'
  readonly says: Readonly<Record<string, unknown>>
  readonly base64: string
}
type Case<M extends { readonly frame?: { readonly $case: string } | undefined }> = NonNullable<
  M['frame']
>['$case']

const frames = ['frames-v1.json', 'frames-anchors-v1.json', 'frames-rate-v1.json'].flatMap(
  name => JSON.parse(readFileSync(join(fixtures, name), 'utf8')) as readonly Frame[],
)
const codecs = { ConnectRequest, ConnectResponse }
const titled = frames.map(each => [`${each.message} ${Object.keys(each.says)[1]}`, each] as const)

/** Every kind there is; the compiler tells when one is missing here, the test when it has no fixture. */
const kinds: { readonly [M in Case<ConnectRequest> | Case<ConnectResponse>]: true } = {
  ...{ hello: true, heartbeat: true, inventory: true, accepted: true, declined: true, progress: true },
  ...{ uploadOpened: true, uploadClosed: true, grantRequest: true, result: true, goodbye: true },
  ...{ welcome: true, refused: true, assign: true, start: true, cancel: true, grant: true },
  ...{ ack: true, drain: true, watch: true, anchorTask: true, anchorReply: true, rate: true },
}

const bytesOf = (kind: string) => Buffer.from(frames.find(each => kind in each.says)?.base64 ?? '', 'base64')

describe('frames of the link that earlier commits sent', () => {
  test('are of every kind', () => {
    expect(new Set(frames.flatMap(each => Object.keys(each.says).slice(1)))).toEqual(
      new Set(Object.keys(kinds)),
    )
  })

  test.each(titled)('%s says the same today', (_title, { message, says, base64 }) => {
    const { decode, toJSON } = codecs[message]
    const decoded = decode(Buffer.from(base64, 'base64'))
    expect(decoded.frame).toBeDefined()
    expect(toJSON(decoded as ConnectRequest & ConnectResponse)).toMatchObject(says)
  })

  test('a Hello is an agent, a Result a result', () => {
    const hello = ConnectRequest.decode(bytesOf('hello')).frame
    expect(hello?.$case === 'hello' ? agentFromHello(hello.value, 1_790_000_000_223) : hello).toMatchObject({
      id: 'agt_01a20000-0000-7000-8000-000000000009',
      hostname: 'host7',
      keeper: true,
      clockOffsetMs: 100,
    })
    const result = ConnectRequest.decode(bytesOf('result')).frame
    expect(result?.$case === 'result' ? reportedResult(result.value) : result).toMatchObject({
      kind: 'backup',
      outcome: 'succeeded',
      failure: { code: 'stage.failed', context: { stage: 'pg_dump' } },
      rawBytes: 9_007_199_254_740_000,
    })
  })
})

describe('frames of later commits', () => {
  const invented = 1_999

  test('a kind of frame this one does not know is no frame, and no error', () => {
    const later = new BinaryWriter()
    later.uint32(8).int64(43)
    later.uint32((invented << 3) | 2).bytes(Buffer.from('whatever it holds'))
    const bytes = later.finish()
    for (const { decode } of Object.values(codecs)) expect(decode(bytes).frame).toBeUndefined()
    expect(ConnectRequest.decode(bytes).seq).toBe(43)
  })

  test.each(titled)(
    '%s with further fields, of each wire type, says what it said',
    (_title, { message, says, base64 }) => {
      const { decode, toJSON } = codecs[message]
      const further = new BinaryWriter()
      further.uint32(invented << 3).int64(1)
      further.uint32((invented << 3) | 1).fixed64(2)
      further.uint32((invented << 3) | 2).string('three')
      further.uint32((invented << 3) | 5).fixed32(4)
      const decoded = decode(Buffer.concat([Buffer.from(base64, 'base64'), further.finish()]))
      expect(toJSON(decoded as ConnectRequest & ConnectResponse)).toMatchObject(says)
    },
  )

  test('a value of an enum this one does not know is not taken for one it knows', () => {
    const assign = new BinaryWriter()
    assign
      .uint32((4 << 3) | 2)
      .fork()
      .uint32(2 << 3)
      .int32(77)
      .join()
    const { frame } = ConnectResponse.decode(assign.finish())
    expect(frame).toMatchObject({ $case: 'assign', value: { kind: 'UNRECOGNIZED', spec: undefined } })
  })

  test('a code of a failure this one does not know is read as internal, its words kept', () => {
    const failure = failureFromWire({
      ...{ code: 'invented.later', message: 'm', hint: 'h', context: [], problems: [] },
    })
    expect(failure).toMatchObject({ code: 'internal', message: 'm', hint: 'h' })
  })
})
