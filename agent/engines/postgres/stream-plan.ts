import type { SizedTable } from './relations.ts'

/** Which tables get a stream of their own, and what is left for the rest. */
export interface StreamPlan {
  /** Largest first. */
  readonly shared: readonly SizedTable[]
  readonly restBytes: number
}

/** Streams a database is split into at most: each costs a catalogue pass of pg_dump and two part buffers. */
const mostShared = 64
/** A table below this fraction of the threshold is not worth its own catalogue pass. */
const smallestShare = 16
/** One table with more than this of everything leaves nothing to be gained. */
const alone = 0.95

/** A database that holds less is one stream: it is done in seconds, and restored by hand in one command. */
export const sharedFromDefault = 256 * 1024 * 1024

/**
 * Streams at the same time when nobody says: half of the host's cores, since the database server and the
 * compressor want the others; at most 4, which is what a disk and a store take well.
 */
export function defaultStreams(cores: number): number {
  return cores <= 1 ? 1 : Math.min(4, Math.max(2, Math.floor(cores / 2)))
}

/**
 * Takes the largest tables out until what is left is a small share: then `streams` workers that always take the
 * largest open stream end about together. Undefined when the database is better dumped as one archive.
 *
 * @param otherBytes what can only be in the rest: large objects
 */
export function planStreams(
  tables: readonly SizedTable[],
  otherBytes: number,
  { streams, sharedFrom }: { readonly streams: number; readonly sharedFrom: number },
): StreamPlan | undefined {
  const total = tables.reduce((sum, table) => sum + table.bytes, otherBytes)
  if (streams < 2 || total < sharedFrom) return undefined
  const largestFirst = [...tables].sort((a, b) => b.bytes - a.bytes || Number(a.oid) - Number(b.oid))
  if ((largestFirst[0]?.bytes ?? 0) > alone * total) return undefined
  const shared: SizedTable[] = []
  let restBytes = total
  for (const table of largestFirst) {
    if (restBytes <= total / (2 * streams) || shared.length === mostShared) break
    if (table.bytes < sharedFrom / smallestShare) break
    shared.push(table)
    restBytes -= table.bytes
  }
  return shared.length === 0 ? undefined : { shared, restBytes }
}
