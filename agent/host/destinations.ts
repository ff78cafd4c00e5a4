import { readSecretFile } from '../../shared/config/secret-file.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import {
  type CredentialsSource,
  type ObjectStore,
  openObjectStore,
  type StoreCredentials,
} from '../../shared/object-store/index.ts'
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

/** Credentials that are read from their files whenever they are asked for. */
export function sourceOf(
  credentials: NonNullable<AgentConfig['destinations'][string]['credentials']>,
): () => Promise<StoreCredentials> {
  return async () => ({
    accessKeyId: await readSecretFile(credentials.access_key_id_file),
    secretAccessKey: await readSecretFile(credentials.secret_access_key_file),
    ...(credentials.session_token_file === undefined
      ? {}
      : { sessionToken: await readSecretFile(credentials.session_token_file) }),
    expiration: new Date(Date.now() + rereadAfter),
  })
}
