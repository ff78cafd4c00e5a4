/** Where a store of the benchmark listens. */
export type StoreName = 's3' | 'sink' | 'far'

/** The bucket of every store. */
export const bucket = 'bench'

/** Names of the databases: a mixed one, three that are quickly made and long to dump, and one of a single table. */
export type DatabaseName = 'mixed' | 'one_table' | 'bulk_small' | 'bulk_usual' | 'bulk_large'

/** Raw dump of each, as a share of the size asked for. */
export const shares: Readonly<Record<DatabaseName, number>> = {
  mixed: 1,
  bulk_small: 0.2,
  bulk_usual: 1,
  bulk_large: 5,
  one_table: 0.5,
}

/** The endpoint far away: a round trip, and what one connection gets each way. */
export const farLine = { roundTripMs: 30, bytesPerSecond: 20e6 }
