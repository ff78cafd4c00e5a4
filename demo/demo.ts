import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { type Stack, temporaryFolder } from '../test/harness/index.ts'
import { untilBackedUp } from './back-up.ts'
import { layFleet } from './fleet.ts'
import { howToLook } from './keep.ts'
import { keepLogs } from './keep-logs.ts'
import { type Narrator, narrator } from './narrator.ts'
import type { DemoOptions } from './options.ts'
import { untilProven } from './prove.ts'
import { restoreAndCompare } from './restore.ts'
import { mariadbDatabases, postgresDatabases, provisionAll, type Servers, startServers } from './servers.ts'
import { showTour } from './tour.ts'

/** What a run proved; the line of `--json`. */
export interface DemoResult {
  readonly ok: true
  readonly databases: number
  readonly backups: number
  /** Restored into a database beside it and compared row by row. */
  readonly verified: number
  /** Proven by Holdfast itself, as the policy asks. */
  readonly proven: number
  readonly stored_bytes: number
  readonly raw_bytes: number
  readonly seconds: number
}

/**
 * The whole way on real servers: found, backed up, restored, compared, shown. Throws with what failed and where the logs are.
 *
 * @param stopping aborted once somebody ends it: what fails from then on is no failure. Under `--keep` only that ends it
 */
export async function demo(options: DemoOptions, stopping: AbortSignal): Promise<DemoResult> {
  const tell = narrator(options.json)
  tell.phase('Servers: found or fetched')
  const had = await provisionAll(tell)
  tell.phase('Servers: started and filled with data')
  const servers = await startServers(had, options.scale, tell)
  try {
    return await withFleet(servers, options, tell, stopping)
  } finally {
    await servers.stop()
  }
}

async function withFleet(
  servers: Servers,
  options: DemoOptions,
  tell: Narrator,
  stopping: AbortSignal,
): Promise<DemoResult> {
  await using folder = await temporaryFolder('prove')
  // as root the servers there are another user's
  await chmod(folder.path, 0o711)
  const stack = await layFleet(servers, join(folder.path, 'v'))
  try {
    const result = await prove(stack, servers, tell)
    if (options.keep) {
      process.stderr.write(howToLook(stack, servers))
      await forEver()
    }
    return result
  } catch (error) {
    if (stopping.aborted) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message}\n${await keepLogs(stack)}`, { cause: error })
  } finally {
    await stack.stop()
  }
}

async function prove(stack: Stack, servers: Servers, tell: Narrator): Promise<DemoResult> {
  tell.phase('Holdfast: a coordinator on SQLite, an agent, a keeper')
  await stack.start()
  tell.fact(`coordinator at ${stack.address}; backups go to ${stack.destination}`)
  const expected = [...postgresDatabases, ...(servers.mariadb === undefined ? [] : mariadbDatabases)]
  tell.phase('Backed up, as the policy says')
  const backedUp = await untilBackedUp(stack, expected, tell)
  tell.phase('Restored into new databases, and compared')
  const verified = await restoreAndCompare(stack, servers, backedUp, tell)
  tell.phase('Proven by itself: restored into a throw-away server, and counted')
  const proven = await untilProven(stack, backedUp, tell)
  tell.phase('What an operator sees')
  await showTour(stack, backedUp, tell)
  const sum = (of: 'raw_bytes' | 'stored_bytes') =>
    backedUp.backups.reduce((total, each) => total + each[of], 0)
  return {
    ok: true,
    databases: backedUp.databases.filter(each => each.scope === 'database').length,
    backups: backedUp.backups.length,
    verified,
    proven,
    stored_bytes: sum('stored_bytes'),
    raw_bytes: sum('raw_bytes'),
    seconds: Math.round(tell.seconds() * 10) / 10,
  }
}

function forEver(): Promise<never> {
  return new Promise(() => setInterval(() => undefined, 60_000))
}
