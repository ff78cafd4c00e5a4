import { encode } from '../decode.ts'
import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { prepared } from '../prepared.ts'
import { certifiedKeyOf, certifiedKeysOf, joinTokenOf } from '../read/identities.ts'
import { decodeRevocation } from '../shapes.ts'
import type { Step } from '../step.ts'

const anyKeyOf = prepared<{ readonly id: string }, { readonly key_id: string }>(['id'], (db, { id }) =>
  db.selectFrom('certified_keys').select('key_id').where('agent_id', '=', id).limit(1),
)

/** Tokens, keys and revocations inside a step. */
export function identityWrites(step: Step): WriteTx['identities'] {
  return {
    joinToken: hash => joinTokenOf(step.q, hash),
    putJoinToken: async token => {
      const row = encode(token)
      await step.q
        .insertInto('join_tokens')
        .values({ hash: token.hash, ...row })
        .onConflict(oc => oc.column('hash').doUpdateSet(row))
        .execute()
    },
    key: keyId => certifiedKeyOf(step.q, keyId),
    keysOf: async agentId =>
      (await step.first(anyKeyOf, { id: keyText(agentId) })) === undefined
        ? []
        : certifiedKeysOf(step.q, agentId),
    putKey: async key => {
      const row = { agent_id: key.agentId, ...encode(key) }
      await step.q
        .insertInto('certified_keys')
        .values({ key_id: key.keyId, ...row })
        .onConflict(oc => oc.column('key_id').doUpdateSet(row))
        .execute()
    },
    revocation: async agentId => {
      const row = await step.q
        .selectFrom('revocations')
        .select(['agent_id', 'record'])
        .where('agent_id', '=', keyText(agentId))
        .executeTakeFirst()
      return row && decodeRevocation(row.agent_id, row)
    },
    putRevocation: async revocation => {
      const row = encode(revocation)
      await step.q
        .insertInto('revocations')
        .values({ agent_id: revocation.agentId, ...row })
        .onConflict(oc => oc.column('agent_id').doUpdateSet(row))
        .execute()
    },
  }
}
