import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import {
  AgentLinkServiceService,
  type ConnectRequest,
  type ConnectResponse,
  type Hello,
  type Welcome,
} from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { waitUntil } from './wait-until.ts'

type FrameOut = NonNullable<ConnectRequest['frame']>
/** A frame of the coordinator. */
export type FrameIn = NonNullable<ConnectResponse['frame']>
type Case = FrameOut['$case']
type ValueOf<C extends Case> = Extract<FrameOut, { $case: C }>['value']

/** One stream of an agent, as the coordinator sees it. */
export interface FakeSession {
  readonly hello: Hello
  /** Every frame but Hello, in order. */
  readonly frames: readonly FrameOut[]
  readonly ended: boolean
  /** Says something, by default with the coordinator's present term. */
  send(frame: FrameIn, term?: number): void
  /** Sends a response of one's own making, e.g. without a frame. */
  sendRaw(response: ConnectResponse): void
  /** Values of all frames of one case. */
  of<C extends Case>(kind: C): ValueOf<C>[]
  /** Waits for the n-th frame of a case. */
  received<C extends Case>(kind: C, count?: number): Promise<ValueOf<C>>
  /** Ends the stream. */
  end(): void
}

export interface FakeCoordinatorOptions {
  readonly port?: number
  /** Answer to Hello; default `welcome`. `silence` answers nothing. */
  readonly greet?: 'welcome' | 'silence' | ((hello: Hello) => FrameIn)
  readonly welcome?: Partial<Welcome>
}

/** A coordinator that speaks the true protocol over grpc-js and decides nothing by itself. */
export interface FakeCoordinator extends AsyncDisposable {
  readonly port: number
  readonly address: string
  readonly sessions: readonly FakeSession[]
  /** Sent with every frame; raise it for a takeover. */
  term: number
  greet: NonNullable<FakeCoordinatorOptions['greet']>
  welcome: Partial<Welcome>
  /** The n-th session (from 1), when its Hello is here. */
  session(count?: number): Promise<FakeSession>
  /** Cuts everything and closes the port. */
  stop(): Promise<void>
}

export async function startFakeCoordinator(options: FakeCoordinatorOptions = {}): Promise<FakeCoordinator> {
  const sessions: FakeSession[] = []
  const server = new Server({ 'grpc.max_receive_message_length': 8 << 20 })
  const fake = {
    term: 1,
    greet: options.greet ?? ('welcome' as const),
    welcome: options.welcome ?? {},
  } as Pick<FakeCoordinator, 'term' | 'greet' | 'welcome'>

  server.addService(AgentLinkServiceService, {
    connect: (call: ServerDuplexStream<ConnectRequest, ConnectResponse>) => {
      let session: (FakeSession & { frames: FrameOut[]; ended: boolean }) | undefined
      const close = () => {
        if (session !== undefined) session.ended = true
      }
      call.on('data', ({ frame }: ConnectRequest) => {
        if (frame === undefined) return
        if (frame.$case !== 'hello') {
          session?.frames.push(frame)
          return
        }
        session = makeSession(call, frame.value, () => fake.term)
        sessions.push(session)
        const { greet } = fake
        if (greet === 'silence') return
        session.send(
          greet === 'welcome'
            ? { $case: 'welcome', value: { ...defaultWelcome, ...fake.welcome } }
            : greet(frame.value),
        )
      })
      call.on('error', close)
      call.on('cancelled', close)
      call.on('end', () => {
        close()
        call.end()
      })
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  const stop = async () => server.forceShutdown()
  return Object.assign(fake, {
    port,
    address: `127.0.0.1:${port}`,
    sessions,
    session: (count = 1) => waitUntil(() => sessions[count - 1], { what: `session ${count} of an agent` }),
    stop,
    [Symbol.asyncDispose]: stop,
  })
}

const defaultWelcome: Welcome = {
  fleetId: 'flt_fake',
  coordinatorVersion: '0.1.0',
  protocolVersion: 1,
  features: [],
  incarnation: 'inc_1',
  heartbeatIntervalMs: 100,
  leaseTtlMs: 120_000,
  acceptTimeoutMs: 30_000,
  startTimeoutMs: 30_000,
  inventoryIntervalMs: 600_000,
  receivedAt: 0,
}

function makeSession(
  call: ServerDuplexStream<ConnectRequest, ConnectResponse>,
  hello: Hello,
  term: () => number,
): FakeSession & { frames: FrameOut[]; ended: boolean } {
  const frames: FrameOut[] = []
  const of = <C extends Case>(kind: C): ValueOf<C>[] =>
    frames.flatMap(frame => (frame.$case === kind ? [frame.value as ValueOf<C>] : []))
  return {
    hello,
    frames,
    ended: false,
    send: (frame, asTerm = term()) => call.write({ term: asTerm, frame }),
    sendRaw: response => call.write(response),
    of,
    received: async (kind, count = 1) => {
      const enough = () => of(kind).length >= count
      await waitUntil(enough, { what: `${kind} frame ${count} of the agent`, timeout: 20_000 })
      const value = of(kind)[count - 1]
      if (value === undefined) throw new Error('frames do not go away')
      return value
    },
    end: () => call.end(),
  }
}
