import type { ReadModel } from '../port.ts'
import type { Database } from '../schema.ts'
import { decodePause } from '../shapes.ts'

/** Pauses, in the order of their keys. */
export function pauseReads(db: Database): Pick<ReadModel, 'pauses'> {
  return {
    pauses: async () => {
      const rows = await db.selectFrom('pauses').select(['key', 'record']).orderBy('key').execute()
      return rows.map(row => decodePause(row.key, row))
    },
  }
}
