import { join } from 'node:path'
import type { Script } from '../measured.ts'

/** What a database is filled with: `mixed` is a business, `bulk` is quickly made and long to dump. */
export type Filling = 'mixed' | 'bulk'

/** Fills the empty database that `env` names with some `mib` MiB of raw dump. */
export function fillScript(filling: Filling, mib: number, env: NodeJS.ProcessEnv): Script {
  return {
    text: 'psql -X -q -v "mib=$1" -f "$2"',
    words: [String(mib), join(import.meta.dirname, `${filling}.sql`)],
    env,
  }
}
