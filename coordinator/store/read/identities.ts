import type { AgentId } from '../../../shared/model/identifiers.ts'
import { keyText } from '../key-text.ts'
import type { ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'
import { decodeCertifiedKey, decodeJoinToken, decodeRevocation } from '../shapes.ts'

/** The token of a hash. */
export async function joinTokenOf(db: Database, hash: string) {
  const row = await db
    .selectFrom('join_tokens')
    .select(['hash', 'record'])
    .where('hash', '=', keyText(hash))
    .executeTakeFirst()
  return row && decodeJoinToken(row.hash, row)
}

/** The key of an id. */
export async function certifiedKeyOf(db: Database, keyId: string) {
  const row = await db
    .selectFrom('certified_keys')
    .select(['key_id', 'record'])
    .where('key_id', '=', keyText(keyId))
    .executeTakeFirst()
  return row && decodeCertifiedKey(row.key_id, row)
}

/** All keys of an agent. */
export async function certifiedKeysOf(db: Database, agentId: AgentId) {
  const rows = await db
    .selectFrom('certified_keys')
    .select(['key_id', 'record'])
    .where('agent_id', '=', keyText(agentId))
    .orderBy('key_id')
    .execute()
  return rows.map(row => decodeCertifiedKey(row.key_id, row))
}

/** Tokens, keys and revocations. */
export function identityReads(
  db: Database,
): Pick<ReadModel, 'joinToken' | 'certifiedKey' | 'certifiedKeysOf' | 'certifiedKeysOfHost' | 'revocations'> {
  return {
    joinToken: hash => joinTokenOf(db, hash),
    certifiedKey: keyId => certifiedKeyOf(db, keyId),
    certifiedKeysOf: agentId => certifiedKeysOf(db, agentId),
    certifiedKeysOfHost: async hostname => {
      // wildcards in it find too much, never too little
      const rows = await db
        .selectFrom('certified_keys')
        .select(['key_id', 'record'])
        .where('record', 'like', `%"hostname":${JSON.stringify(hostname).replaceAll('\\', '_')}%`)
        .limit(1_000)
        .execute()
      return rows.map(row => decodeCertifiedKey(row.key_id, row)).filter(each => each.hostname === hostname)
    },
    revocations: async () => {
      const rows = await db
        .selectFrom('revocations')
        .select(['agent_id', 'record'])
        .orderBy('agent_id')
        .execute()
      return rows.map(row => decodeRevocation(row.agent_id, row))
    },
  }
}
