import type { Log } from '../../shared/log/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import {
  type CredentialsSource,
  type ObjectStore,
  openObjectStore,
  type StoreCredentials,
} from '../../shared/object-store/index.ts'
import { readSecret } from '../../shared/secrets/index.ts'
import type { AgentConfig } from '../config.ts'

/**
 * Opens destinations with the credentials the configuration has for their name, else the SDK's usual chain.
 * Key files are read when the SDK asks, so that rotated ones are taken up.
 */
export function storeOpener(
  destinations: AgentConfig['destinations'],
  log: Log,
): (destination: Destination, speaks?: Log) => Promise<ObjectStore> {
  return async (destination, speaks = log) => {
    const credentials = credentialsOf(destinations, destination.name)
    return openObjectStore(destination, {
      log: speaks,
      ...(credentials === undefined ? {} : { credentials }),
    })
  }
}

/** The credentials configured for a destination's name; undefined leaves it to the SDK's usual chain. */
export function credentialsOf(
  destinations: AgentConfig['destinations'],
  name: string,
): CredentialsSource | undefined {
  const configured = Object.hasOwn(destinations, name) ? destinations[name]?.credentials : undefined
  return configured === undefined ? undefined : sourceOf(configured)
}

/** Rotated files are taken up within this, ms: the SDK keeps what never expires. */
const rereadAfter = 900_000

type Credentials = NonNullable<AgentConfig['destinations'][string]['credentials']>

/** A pair that changes so often is none. */
const mostTries = 5

/**
 * Credentials that are read whenever they are asked for. Key and id are two secrets: a rotation between the two
 * reads would make a pair that nobody knows, so they are read until they stand still.
 */
export function sourceOf(credentials: Credentials): () => Promise<StoreCredentials> {
  return async () => {
    let read = await pairOf(credentials)
    for (let tries = 1; tries < mostTries; tries++) {
      const again = await pairOf(credentials)
      const still =
        again.accessKeyId === read.accessKeyId &&
        again.secretAccessKey === read.secretAccessKey &&
        again.sessionToken === read.sessionToken
      read = again
      if (still) break
    }
    return { ...read, expiration: new Date(Date.now() + rereadAfter) }
  }
}

async function pairOf(credentials: Credentials): Promise<Omit<StoreCredentials, 'expiration'>> {
  const { access_key_id_file: id, secret_access_key_file: key, session_token_file: token } = credentials
  return {
    accessKeyId: await readSecret(id),
    secretAccessKey: await readSecret(key),
    ...(token === undefined ? {} : { sessionToken: await readSecret(token) }),
  }
}
