import { z } from 'zod'
import { AppError } from '../errors/index.ts'
import type { ConsulConnection } from './consul-line.ts'

/** Consul's own accessor of whoever shows no token. */
const anonymousAccessor = '00000000-0000-0000-0000-000000000002'

/** Whether an empty answer may be believed, as far as access goes. */
export type ReadAccess = 'granted' | 'unknown'

/**
 * Asks Consul whether this token may read a service. It has to be asked: a token that may not, or none, gets
 * an empty 200, which looks like "no such service" (design facts; Consul 1.8 to today).
 *
 * `granted`: ACLs are off, or Consul says the token may read it. `unknown`: the token is a valid one, and this
 * Consul cannot be asked more (the question is an internal endpoint of its own user interface).
 * Throws `discovery.denied` when the token is missing, unknown or not allowed, `discovery.unavailable` else.
 */
export async function readAccess(
  connection: Pick<ConsulConnection, 'ask'>,
  token: string | undefined,
  service: string,
  signal: AbortSignal,
): Promise<ReadAccess> {
  const ask = (path: string, body?: unknown) => connection.ask(path, { token, body, signal })
  const self = await ask('/v1/acl/token/self')
  // 1.8 answers 401 "ACL support disabled", later versions too
  if (/ACL support disabled/i.test(self.text)) return 'granted'
  if (self.status >= 500) throw unavailable(service, `consul answered ${self.status} when asked who we are`)
  const anonymous = self.status === 200 && accessorOf(self.text) === anonymousAccessor
  if (self.status !== 200 && token !== undefined) throw denied(service, 'consul does not know the token')
  const may = await ask('/v1/internal/acl/authorize', [
    { Resource: 'service', Access: 'read', Segment: service },
  ])
  if (may.status === 200) {
    if (allowed(may.text)) return 'granted'
    throw denied(
      service,
      token === undefined ? 'no token is configured' : 'the token may not read this service',
    )
  }
  if (anonymous || self.status !== 200) throw denied(service, 'no token is configured')
  return 'unknown'
}

function accessorOf(text: string): string | undefined {
  return parse(z.object({ AccessorID: z.string() }), text)?.AccessorID
}

function allowed(text: string): boolean {
  const answers = parse(z.array(z.object({ Allow: z.boolean() })).min(1), text)
  return answers?.every(answer => answer.Allow) ?? false
}

function parse<S extends z.ZodType>(schema: S, text: string): z.infer<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function denied(service: string, reason: string): AppError {
  return new AppError('discovery.denied', {
    message: `consul shows no instance of service ${service}, and ${reason}`,
    hint: `Give the coordinator a token with service:read on ${service} and node:read.`,
    context: { service, reason },
  })
}

function unavailable(service: string, reason: string): AppError {
  return new AppError('discovery.unavailable', { message: reason, context: { service } })
}
