import { openGuard } from '../../../agent/engines/postgres/guard.ts'
import { openSession } from '../../../agent/engines/postgres/session.ts'

/*
 * What of an agent a server sees during a dump: a guard, and a session in the dump's name that holds locks and is
 * idle in its transaction, as a pg_dump between two tables. Started to be frozen.
 */
const { database, major, ...target } = JSON.parse(process.argv[2] ?? '{}')
const { signal } = new AbortController()
const purpose = 'dump frozen'

await openGuard(target, {
  ...{ database, major, purpose, signal },
  limitMs: 0,
  burden: { xminAge: 0, replayLag: 0, replayBacklog: 0 },
  frozen: { idleMs: 3_000, goneSeconds: 2 },
  onBroken: error => console.error(error.message),
})
const settings = { idle_in_transaction_session_timeout: 0 }
const held = await openSession(target, database, { purpose, signal, statementTimeoutMs: 0, settings })
await held.query('BEGIN')
await held.query('LOCK TABLE public.big IN ACCESS SHARE MODE')
console.log('holds')
