import type { EngineContext, InstanceTarget, Probe } from '../port.ts'
import { readFollowing } from './following.ts'
import { readMoment, readServerFacts, type ServerFacts } from './server.ts'
import { type PostgresSession, withSession } from './session.ts'
import { findTool, type PostgresTool } from './tools.ts'

/** The database for questions about the whole server. */
export function maintenanceDatabaseOf(target: InstanceTarget): string {
  return target.maintenanceDatabase ?? 'postgres'
}

const probedTools: readonly PostgresTool[] = ['pg_dump', 'pg_dumpall', 'pg_restore']

/** See the port. Missing or old tools are thrown: an instance that cannot be dumped is a gap with a reason. */
export async function probe(target: InstanceTarget, context: EngineContext): Promise<Probe> {
  const options = { purpose: 'probe', signal: context.signal }
  return withSession(target, maintenanceDatabaseOf(target), options, async session => {
    const facts = await readServerFacts(session)
    const moment = await readMoment(session, facts.role)
    const tools: Record<string, string> = {}
    for (const name of probedTools) tools[name] = (await findTool(name, facts.major, context)).version
    return {
      serverVersion: facts.version,
      role: facts.role,
      ...(facts.role === 'replica' ? await readFollowing(session) : {}),
      evidence: facts.evidence,
      clockOffsetMs: moment.clockOffsetMs,
      tools,
      missingPrivileges: await missingPrivileges(session, facts),
    }
  })
}

/**
 * What the role lacks as far as the whole server can tell. What a single database adds (row-level security,
 * large objects, subscriptions) is checked when its dump is opened.
 */
async function missingPrivileges(session: PostgresSession, facts: ServerFacts): Promise<readonly string[]> {
  if (facts.superuser) return []
  const [row] = await session.query<{ reads_all: boolean | null; closed: string[] }>(
    `select case when $1 >= 14 then
              (select pg_has_role(oid, 'USAGE') from pg_roles where rolname = 'pg_read_all_data') end as reads_all,
            array(select datname::text from pg_database
                  where datallowconn and not datistemplate and not has_database_privilege(oid, 'CONNECT')
                  order by datname limit 20) as closed`,
    [facts.major],
  )
  return [
    ...(row?.reads_all === false ? ['membership in pg_read_all_data'] : []),
    ...(row?.closed ?? []).map(name => `CONNECT on database ${JSON.stringify(name)}`),
  ]
}
