import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js'
import { AppError } from '../../shared/errors/index.ts'
import { appErrorToStatus, errorMetadataKey } from '../../shared/wire/call-failure.ts'
import type { Principal } from '../operations/principal.ts'
import { refusal } from './access.ts'
import type { Admission } from './admission.ts'
import { agentPaths, type CallerFacts, type CallerOf } from './caller.ts'
import { Unreadable } from './readable.ts'

/** A call was refused for who made it, how many there were, or what it was. */
export interface RefusedCall {
  readonly peer: string
  /** Who made it, as audit names people, where that was established. */
  readonly actor?: string
  readonly path: string
  readonly reason: string
}

export interface DoorsOptions {
  readonly callerOf: CallerOf
  readonly admission: Admission
  readonly onRefused?: (refused: RefusedCall) => void
}

/**
 * Every call comes in here: who makes it is established and may, as often as is allowed, and its messages are of the
 * contract and not too large. Known from its metadata on, before any handler hears of it.
 */
export function doors(options: DoorsOptions): ServerInterceptor {
  return ({ path }, call) => {
    let principal: Principal | undefined
    let leave = () => {}
    const tell = (error: AppError) =>
      options.onRefused?.({
        peer: call.getPeer(),
        path,
        reason: error.code,
        ...(principal === undefined || principal.anonymous === true || principal.name === 'loopback'
          ? {}
          : { actor: `${principal.kind}:${principal.name}` }),
      })
    const refuse = (error: AppError) => {
      tell(error)
      const told: { code: number; details: string; metadata: Metadata | null } = appErrorToStatus(error)
      call.sendStatus(told)
    }
    translate(call, path, tell)
    return new ServerInterceptingCall(call, {
      start: next =>
        next({
          onReceiveMetadata: (metadata, enter) => {
            const facts: CallerFacts = {
              getPeer: () => call.getPeer(),
              getAuthContext: () => call.getAuthContext(),
              metadata,
            }
            try {
              principal = options.callerOf(path, facts)
              const no = refusal(path, principal)
              if (no !== undefined) return refuse(no)
              leave = options.admission.enter(principal, call.getPeer())
            } catch (thrown) {
              return refuse(AppError.from(thrown, 'access.unauthenticated'))
            }
            enter(metadata)
          },
          onReceiveMessage: (message, pass) => {
            if (message instanceof Unreadable) refuse(unreadable(path))
            else pass(message)
          },
          // of every call, however it ended
          onCancel: () => leave(),
        }),
    })
  }
}

/**
 * What grpc-js itself answers to bytes it cannot take becomes an answer of ours: told, counted, and not a defect of
 * this process (it says INTERNAL to a message that does not decompress). It sends such a status on the call itself,
 * past every interceptor, so that is where it is met.
 */
function translate(
  call: ServerInterceptingCallInterface,
  path: string,
  tell: (error: AppError) => void,
): void {
  const send = call.sendStatus.bind(call)
  call.sendStatus = told => {
    const ours = told.metadata?.get(errorMetadataKey).length
    const error = ours ? undefined : transportError(told, path)
    if (error === undefined) return send(told)
    tell(error)
    send(appErrorToStatus(error) as typeof told)
  }
}

function transportError(
  { code, details }: { readonly code?: status | null; readonly details?: string | null },
  path: string,
): AppError | undefined {
  if (code === status.RESOURCE_EXHAUSTED && details?.startsWith('Received message'))
    return new AppError('link.too-large', { message: 'the message is larger than this coordinator takes' })
  if (code === status.INTERNAL && details === 'Failed to decompress message') return unreadable(path)
  return undefined
}

function unreadable(path: string): AppError {
  return new AppError(path.startsWith(agentPaths) ? 'link.protocol' : 'request.invalid', {
    message: 'the message is none of this contract',
  })
}
