import { randomUUID } from 'node:crypto'
import { Metadata } from '@grpc/grpc-js'
import { connect } from '../../../cli/connect.ts'
import { bearer, tokenMetadataKey } from '../../../shared/wire/bearer.ts'

/** What a mutation carries beside what it asks. */
export function asked(reason = 'a test') {
  return { requestId: randomUUID(), reason }
}

/** An operator on the wire: with a token, or as whoever has a port of this machine. */
export function operatorAt(port: number, token?: string) {
  const coordinator = connect(`127.0.0.1:${port}`, token === undefined ? {} : { token })
  return {
    ask: coordinator.ask,
    watch: (jobId: string) => coordinator.watchJob(jobId, new AbortController().signal),
    [Symbol.dispose]: () => coordinator.close(),
  }
}

/** What a call of that operator carries. */
export function metadataOf(token: string): Metadata {
  const metadata = new Metadata()
  metadata.set(tokenMetadataKey, bearer(token))
  return metadata
}

/** An admin's way to make tokens: the local one of a test. */
export async function tokenFor(
  port: number,
  name: string,
  role: string,
  over: { readonly ttlMs?: number; readonly selector?: { name: string; value: string }[] } = {},
): Promise<string> {
  using local = operatorAt(port)
  const request = { name, role, ttlMs: 3_600_000, selector: [], approval: '', ...over, ...asked() }
  return (await local.ask('createToken', request)).secret
}
