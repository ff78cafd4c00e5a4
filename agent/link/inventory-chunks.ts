import { DatabaseFacts } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'

/** The most databases and bytes of one chunk: 50,000 databases do not fit one message (facts-runtime §4). */
export const chunkLimits = { databases: 500, bytes: 256 * 1_024 } as const

/** Cuts a list of databases into chunks; always at least one, so that an empty instance is told too. */
export function chunked(databases: readonly DatabaseFacts[]): DatabaseFacts[][] {
  const chunks: DatabaseFacts[][] = [[]]
  let bytes = 0
  for (const database of databases) {
    const size = DatabaseFacts.encode(database).finish().length + 8
    const chunk = chunks.at(-1) ?? []
    if (chunk.length > 0 && (chunk.length >= chunkLimits.databases || bytes + size > chunkLimits.bytes)) {
      chunks.push([database])
      bytes = size
    } else {
      chunk.push(database)
      bytes += size
    }
  }
  return chunks
}
