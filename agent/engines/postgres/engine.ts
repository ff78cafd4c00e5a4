import type { Engine } from '../port.ts'
import { countDatabase } from './census.ts'
import { openDump } from './dump.ts'
import { inventory } from './inventory.ts'
import { maxNameBytes } from './name.ts'
import { probe } from './probe.ts'
import { dropUnfinished, openRestore } from './restore.ts'
import { throwaway } from './throwaway.ts'

/** PostgreSQL: custom archives by pg_dump, globals by pg_dumpall, restores committed by a rename. */
export const postgres: Engine = {
  kind: 'postgres',
  capabilities: { globals: true, renameDatabase: true, maxNameBytes },
  probe,
  inventory,
  openDump,
  openRestore,
  dropUnfinished,
  count: countDatabase,
  throwaway,
}
