import type { CensusCounts } from '../../../shared/model/census.ts'
import type { ServerFacts } from './server.ts'
import type { PostgresSession } from './session.ts'

/** Sequences read in one statement, which locks each of them until it ends. */
const readAtOnce = 200

/**
 * Where sequences are. They stand outside of transactions, so a census reads them before the dump can: what was
 * dumped is never behind. Left out: those never used, those that begin again by themselves, extensions' own.
 *
 * @param session not in a transaction
 */
export async function readSequences(
  session: Pick<PostgresSession, 'query'>,
  role: ServerFacts['role'],
): Promise<CensusCounts['sequences']> {
  const listed = await session.query<{ oid: string }>(
    `select c.oid::text as oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_sequence s on s.seqrelid = c.oid
      where not s.seqcycle and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and (c.relpersistence = 'p' or (c.relpersistence = 'u' and $1 = 'primary'))
        and case when c.relkind = 'S' then has_sequence_privilege(c.oid, 'USAGE, SELECT') else false end
        and not exists (select from pg_depend m where m.classid = 'pg_class'::regclass and m.objid = c.oid and m.deptype = 'e')
      order by c.oid`,
    [role],
  )
  const found: CensusCounts['sequences'] = []
  for (let start = 0; start < listed.length; start += readAtOnce) {
    const rows = await session.query<{
      schema: string
      name: string
      last: string | null
      descending: boolean
    }>(
      `select n.nspname::text as schema, c.relname::text as name, pg_sequence_last_value(c.oid)::text as last,
              s.seqincrement < 0 as descending
         from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
        where c.oid = any ($1::oid[])`,
      [listed.slice(start, start + readAtOnce).map(({ oid }) => oid)],
    )
    for (const { schema, name, last, descending } of rows)
      if (last !== null) found.push({ schema, name, last, ...(descending ? { descending } : {}) })
  }
  return found
}
