import type { Engine } from '../port.ts'
import { count } from './counts.ts'
import { dialects, type MysqlKind } from './dialect.ts'
import { openDump } from './dump.ts'
import { inventory } from './inventory.ts'
import { maxNameBytes } from './name.ts'
import { probe } from './probe.ts'
import { openRestore } from './restore.ts'
import { throwawayOf } from './throwaway.ts'

/** One implementation for both servers of the family; what differs is in `dialect.ts`. */
export function mysqlFamily(kind: MysqlKind): Engine {
  const dialect = dialects[kind]
  return {
    kind,
    capabilities: { globals: false, renameDatabase: false, maxNameBytes },
    probe: (target, context) => probe(target, dialect, context),
    inventory: (target, context) => inventory(target, dialect, context),
    openDump: (target, subject, context, options) => openDump(target, dialect, subject, context, options),
    openRestore: (target, source, into, _attemptId, context) =>
      openRestore(target, dialect, source, into, context),
    throwaway: throwawayOf(dialect),
    count: (target, database, context) => count(target, dialect, database, context),
  }
}
