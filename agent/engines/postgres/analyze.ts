import { AppError } from '../../../shared/errors/index.ts'
import type { EngineContext, InstanceTarget } from '../port.ts'
import { quoteIdentifier } from './name.ts'
import { type SessionOptions, withSession } from './session.ts'

/**
 * What is analysed by name: everything a plain ANALYZE looks at, catalogues included. A partition is left to the root of
 * its tree, which takes all below it along. The largest first; of a root only its leaves know how large it is.
 */
const relationsToAnalyze = `
  select n.nspname as schema, c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'm', 'p') and not c.relispartition and not c.relisshared
     and c.relpersistence <> 't' and (c.relkind <> 'm' or c.relispopulated)
   order by c.relkind <> 'p', pg_table_size(c.oid) desc, c.oid`

/**
 * Gathers the statistics of a restored database by several sessions: they are not in the dump, and without them the
 * first hours are slow.
 *
 * @param major of the server
 * @param atOnce sessions at the same time
 */
export async function analyze(
  target: InstanceTarget,
  database: string,
  context: EngineContext,
  major: number,
  atOnce: number,
): Promise<void> {
  const stop = new AbortController()
  const options: SessionOptions = {
    purpose: 'restore analyze',
    signal: AbortSignal.any([context.signal, stop.signal]),
    statementTimeoutMs: 0,
    fallback: 'restore.failed',
  }
  if (major < 12 || atOnce < 2) {
    await withSession(target, database, options, session => session.query('ANALYZE'))
    return
  }
  const relations = [
    ...(await withSession(target, database, options, session =>
      session.query<{ readonly schema: string; readonly name: string }>(relationsToAnalyze),
    )),
  ]
  let failure: { readonly thrown: unknown } | undefined
  const worker = () =>
    withSession(target, database, options, async session => {
      for (let next = relations.shift(); next !== undefined; next = relations.shift())
        await session.query(`ANALYZE ${quoteIdentifier(next.schema)}.${quoteIdentifier(next.name)}`)
    }).catch((thrown: unknown) => {
      failure ??= { thrown }
      stop.abort(AppError.from(thrown))
    })
  await Promise.all(Array.from({ length: Math.min(atOnce, relations.length) }, worker))
  if (failure !== undefined) throw failure.thrown
}
