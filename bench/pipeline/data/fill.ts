import { join } from 'node:path'
import type { Script } from '../measured.ts'

/** What a database is filled with: `mixed` is a business, `bulk` is quickly made and long to dump, `one-table` the same in one table. */
export type Filling = 'mixed' | 'bulk' | 'one-table'

/** Fills the empty database that `env` names with some `mib` MiB of raw dump. */
export function fillScript(filling: Filling, mib: number, env: NodeJS.ProcessEnv): Script {
  return {
    text: 'psql -X -q -v "mib=$1" -v "tables=$2" -f "$3"',
    words: [
      String(mib),
      filling === 'one-table' ? '1' : '4',
      join(import.meta.dirname, `${filling === 'mixed' ? 'mixed' : 'bulk'}.sql`),
    ],
    env,
  }
}
