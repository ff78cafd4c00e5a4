import { join } from 'node:path'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStore, type Store } from '../../../coordinator/store/index.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { AgentLinkServiceService } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { OperatorServiceService } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { FakeAgent } from '../../harness/fake-agent.ts'
import {
  type PostgresServer,
  requireServers,
  startPostgres,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { withDatabase } from '../running.ts'
import { field, noise } from './wire-noise.ts'

/** What a peer may be told about what it sent: never that this process is at fault, or is not there. */
const answers = new Set([
  status.OK,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.ALREADY_EXISTS,
  status.ABORTED,
  status.PERMISSION_DENIED,
  status.OUT_OF_RANGE,
])
const servers = await requireServers('noise on the wire, over PostgreSQL', 'postgres')
const kinds = ['sqlite', ...(servers.missing ? [] : ['postgres'])] as const

describe.each(kinds)('noise on the wire, over %s', kind => {
  let world: Awaited<ReturnType<typeof withDatabase>>
  let store: Store
  let server: PostgresServer | undefined
  let client: Client
  let known: readonly string[] = []
  const folder = temporaryFolder('fuzz')

  beforeAll(async () => {
    const url = kind === 'sqlite' ? `sqlite:${join((await folder).path, 'holdfast.db')}` : await postgres()
    store = await openStore({
      ...{ url, clock: systemClock, log: silentLog },
      ...(server === undefined ? {} : { passwordFile: server.passwordFile }),
    })
    // whatever it does, it does not wait for its turn
    const limits = { calls: { rate: 100_000, burst: 100_000 }, frames: { rate: 100_000, burst: 100_000 } }
    world = await withDatabase({ limits }, {}, { store })
    const { assign } = await world.agent.succeed()
    const backupId = assign.spec?.$case === 'backup' ? assign.spec.value.backupId : ''
    known = [
      world.database.id,
      world.database.clusterId,
      world.instanceId,
      world.agent.agentId,
      backupId,
      'orders',
    ]
    client = new Client(`127.0.0.1:${world.fleet.port}`, credentials.createInsecure())
  })
  afterAll(async () => {
    client.close()
    await world[Symbol.asyncDispose]()
    await store.close()
    await server?.stop()
    await (await folder).remove()
  })

  async function postgres(): Promise<string> {
    server = await startPostgres()
    await server.createDatabase('fuzz')
    return `postgres://postgres@${server.host}:${server.port}/fuzz`
  }

  /** Nobody else noticed: the term goes on, and the agent that is there is served. */
  async function unharmed() {
    expect(world.fleet.coordinator.term).toBe(1)
    expect(world.agent.status).toBeUndefined()
    const { operations } = world.fleet.coordinator
    await waitUntil(() => operations.liveAgent(world.agent.agentId)?.state === 'connected', {
      what: 'the honest agent to be connected',
    })
  }

  test.each(Object.entries(OperatorServiceService))(
    '%s answers it by what is wrong with it',
    async (name, { path, responseStream }) => {
      const ask = responseStream ? streamed : unary
      await fc.assert(
        fc.asyncProperty(noise(known), async bytes => {
          const answer = await ask(client, path, bytes)
          expect(answers.has(answer.code), `${name}: ${status[answer.code]} ${answer.details}`).toBe(true)
        }),
        { numRuns: name === 'getPlan' ? 15 : 60 },
      )
      await unharmed()
    },
  )

  test('the link takes nothing of it and harms nobody, before Hello', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(noise(), { minLength: 1, maxLength: 5 }), async frames => {
        const end = await spoken(client, frames)
        expect(answers.has(end.code), `${status[end.code]} ${end.details}`).toBe(true)
      }),
      { numRuns: 60 },
    )
    await unharmed()
  })

  test('nor after Hello, of any frame there is', async () => {
    const frame = fc
      .tuple(fc.integer({ min: 2, max: 13 }), noise(known.filter(each => each !== world.agent.agentId)))
      .map(([tag, bytes]) => field(tag, bytes))
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 8 }), async frames => {
        const rogue = await FakeAgent.connect({
          port: world.fleet.port,
          hostname: 'rogue',
          heartbeats: false,
        })
        expect(rogue.frames[0]?.$case).toBe('welcome')
        for (const each of frames) rogue.sendRaw(each)
        await rogue.close()
        const code = rogue.status?.code ?? status.OK
        expect(answers.has(code), `${status[code]} ${rogue.status?.details}`).toBe(true)
      }),
      { numRuns: 60 },
    )
    await unharmed()
    // and is served as before: its next backup is taken
    expect((await world.fleet.store.read.backups({ size: 9 }, {})).items.length).toBeGreaterThan(0)
  })
})

interface Answer {
  readonly code: status
  readonly details: string
}

function unary(client: Client, path: string, request: Buffer): Promise<Answer> {
  return new Promise(resolve =>
    client.makeUnaryRequest<Buffer, Buffer>(path, same, same, request, (error: ServiceError | null) =>
      resolve(error ?? { code: status.OK, details: '' }),
    ),
  )
}

/** A stream is good once something came. */
function streamed(client: Client, path: string, request: Buffer): Promise<Answer> {
  return new Promise(resolve => {
    const call = client.makeServerStreamRequest<Buffer, Buffer>(path, same, same, request)
    call.on('data', () => {
      resolve({ code: status.OK, details: '' })
      call.cancel()
    })
    call.on('error', () => undefined)
    call.on('status', resolve)
  })
}

function spoken(client: Client, frames: readonly Buffer[]): Promise<Answer> {
  return new Promise(resolve => {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(
      AgentLinkServiceService.connect.path,
      same,
      same,
    )
    call.on('data', () => undefined)
    call.on('error', () => undefined)
    call.on('status', resolve)
    for (const each of frames) call.write(each)
    call.end()
  })
}

function same(bytes: Buffer): Buffer {
  return bytes
}
