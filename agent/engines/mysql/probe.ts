import type { EngineContext, InstanceTarget, Probe } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { missingFor, notSystem, readMoment, readReplication, readServerFacts } from './server.ts'
import { withSession } from './session.ts'
import { demandSeries, findOwnTool } from './tools.ts'

/** How many databases are named for one missing privilege. */
const named = 20

/** See the port. */
export async function probe(
  target: InstanceTarget,
  dialect: Dialect,
  context: EngineContext,
): Promise<Probe> {
  return withSession(target, dialect, context, {}, async session => {
    const facts = await readServerFacts(session, dialect)
    const replication = await readReplication(target, dialect, context, facts)
    const moment = await readMoment(session, dialect, { role: 'primary' })
    const dump = await findOwnTool(dialect, dialect.dump, context)
    for (const tool of [session.client, dump]) demandSeries(tool, facts.version)
    const databases = await session.rows<{ name: string }>(
      `SELECT JSON_OBJECT('name', schema_name) FROM information_schema.schemata WHERE schema_name ${notSystem} ORDER BY schema_name`,
    )
    const byPrivilege = new Map<string, string[]>()
    for (const { name } of databases)
      for (const privilege of missingFor(facts.grants, dialect, name))
        byPrivilege.set(privilege, [...(byPrivilege.get(privilege) ?? []), name])
    const { role } = replication
    return {
      serverVersion: facts.version,
      role,
      ...(replication.role === 'replica' && replication.lagSeconds !== undefined
        ? { replicationLagMs: replication.lagSeconds * 1_000 }
        : {}),
      ...(replication.role === 'replica' && replication.source !== undefined
        ? { replicationSource: replication.source }
        : {}),
      evidence: facts.evidence,
      clockOffsetMs: moment.clockOffsetMs,
      tools: { [session.client.name]: session.client.version, [dump.name]: dump.version },
      missingPrivileges: [
        ...(facts.grants.everywhere('SHOW DATABASES') || facts.grants.everywhere('SELECT')
          ? []
          : ['SHOW DATABASES on *.* (a database that is not seen is not backed up)']),
        ...[...byPrivilege].map(
          ([privilege, names]) =>
            `${privilege}: database ${names
              .slice(0, named)
              .map(name => JSON.stringify(name))
              .join(', ')}`,
        ),
      ],
    }
  })
}
