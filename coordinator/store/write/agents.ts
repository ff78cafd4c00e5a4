import { sql } from 'kysely'
import { encode } from '../decode.ts'
import { keyText } from '../key-text.ts'
import type { WriteTx } from '../port.ts'
import { agentOf } from '../read/agents.ts'
import type { Step } from '../step.ts'

const rowsAStatement = 1_000

/** Agents inside a step. `last_seen_at` is a column of its own, so that a touch rewrites no record. */
export function agentWrites(step: Step): WriteTx['agents'] {
  return {
    get: async id => {
      const row = await step.q
        .selectFrom('agents')
        .select(['id', 'last_seen_at', 'record'])
        .where('id', '=', id)
        .executeTakeFirst()
      return row && agentOf(row)
    },
    put: async agent => {
      const row = { hostname: keyText(agent.hostname), last_seen_at: agent.lastSeenAt, ...encode(agent) }
      await step.q
        .insertInto('agents')
        .values({ id: agent.id, ...row })
        .onConflict(oc => oc.column('id').doUpdateSet(row))
        .execute()
    },
    touch: async seen => {
      const all = [...seen]
      for (let at = 0; at < all.length; at += rowsAStatement) {
        const rows = all
          .slice(at, at + rowsAStatement)
          .map(([id, when]) => sql`(${id}, cast(${when} as bigint))`)
        await sql`with seen (id, at) as (values ${sql.join(rows)})
          update agents set last_seen_at = seen.at from seen
          where agents.id = seen.id and agents.last_seen_at < seen.at`.execute(step.q)
      }
    },
  }
}
