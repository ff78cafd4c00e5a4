import { keyText } from '../key-text.ts'
import { type ListOrder, pageOf } from '../page.ts'
import type { ReadModel } from '../port.ts'
import type { AgentRecord } from '../records.ts'
import type { Database } from '../schema.ts'
import { decodeAgent } from '../shapes.ts'

const byHostname: ListOrder = {
  list: 'agents',
  columns: ['hostname', 'id'],
  form: ['text', 'text'],
  direction: 'asc',
}

/** An agent's row as a record: the column knows better than the record when it was last seen. */
export function agentOf(row: { id: string; last_seen_at: number; record: string }): AgentRecord {
  return { ...decodeAgent(row.id, row), lastSeenAt: row.last_seen_at }
}

/** Agents, by hostname. */
export function agentReads(db: Database): Pick<ReadModel, 'agent' | 'agents'> {
  return {
    agent: async id => {
      const row = await db
        .selectFrom('agents')
        .select(['id', 'last_seen_at', 'record'])
        .where('id', '=', keyText(id))
        .executeTakeFirst()
      return row && agentOf(row)
    },
    agents: page =>
      pageOf(
        db.selectFrom('agents').select(['id', 'hostname', 'last_seen_at', 'record']),
        byHostname,
        page,
        row => [row.hostname, row.id],
        agentOf,
      ),
  }
}
