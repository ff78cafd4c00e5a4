import type { Stack } from '../test/harness/index.ts'
import type { BackedUp, ListedDatabase } from './back-up.ts'
import type { Comparison } from './compare/difference.ts'
import { compareMariadb } from './compare/mariadb.ts'
import { comparePostgres } from './compare/postgres.ts'
import type { Narrator } from './narrator.ts'
import type { Servers } from './servers.ts'

/** Restores every database into a new one beside it and compares the two. Returns how many were the same; throws at the first that is not. */
export async function restoreAndCompare(
  stack: Stack,
  servers: Servers,
  { databases }: BackedUp,
  narrator: Narrator,
): Promise<number> {
  const originals = databases.filter(each => each.scope === 'database')
  const services = Map.groupBy(originals, each => each.service)
  // A cluster works on one job at a time; the clusters beside each other
  await Promise.all(
    [...services.values()].map(async ofOne => {
      for (const database of ofOne) narrator.fact(await restoreOne(stack, servers, database))
    }),
  )
  return originals.length
}

async function restoreOne(stack: Stack, servers: Servers, database: ListedDatabase): Promise<string> {
  const into = copyOf(database.name)
  const began = performance.now()
  const restored = await stack.holdfast(
    ...['restore', 'start', '--backup', database.last_backup_id, '--into', into],
    ...['--reason', 'demo', '--wait'],
  )
  if (restored.code !== 0)
    throw new Error(
      `the restore of ${database.name} exited ${restored.code}:\n${restored.stdout}${restored.stderr}`,
    )
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  const { tables, rows, differences } = await compare(servers, database, into)
  // the maintenance database is empty, and so must its copy be
  const real = differences.filter(
    each => tables > 0 || database.name !== 'postgres' || !each.startsWith('there is no'),
  )
  if (real.length > 0)
    throw new Error(`${into} is not as ${database.name} was:\n${real.slice(0, 20).join('\n')}`)
  return `${database.name} → ${into} in ${seconds} s: ${tables} tables, ${rows.toLocaleString('en')} rows, all the same`
}

/** Name of the copy of a database. */
export function copyOf(name: string): string {
  return `${name} restored`
}

function compare(servers: Servers, database: ListedDatabase, into: string): Promise<Comparison> {
  const { postgres, mariadb } = servers
  if (database.engine === 'postgres')
    return comparePostgres(
      { server: postgres, database: database.name },
      { server: postgres, database: into },
    )
  if (mariadb === undefined)
    throw new Error(`a ${database.engine} database without a server: ${database.name}`)
  return compareMariadb({ server: mariadb, database: database.name }, { server: mariadb, database: into })
}
