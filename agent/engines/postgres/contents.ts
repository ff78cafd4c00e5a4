import { AppError } from '../../../shared/errors/index.ts'
import { type ExpectedTables, qualified } from './relations.ts'

/** How many tables are named in an error. */
const named = 5

/**
 * Reads what `pg_restore -l` says of an archive, as it comes: `3456; 0 16404 TABLE DATA app customer owner`.
 * Names have no line breaks there, so a line begins an entry or a comment.
 */
export class ContentsReader {
  readonly tables: string[] = []
  largeObjects = false
  /** Whether a table of contents was seen at all. */
  seen = false
  #rest = ''

  /** Takes a piece in. */
  read(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    if (line.startsWith('; Archive created at')) this.seen = true
    const entry = /^\d+; \d+ (\d+) (TABLE DATA|BLOBS)\b/.exec(line)
    if (entry?.[2] === 'TABLE DATA') this.tables.push(entry[1] ?? '')
    if (entry?.[2] === 'BLOBS') this.largeObjects = true
  }
}

/**
 * The account of a dump (P2): every ordinary table's rows stand in exactly one stream. A pattern that matches
 * nothing is no error of pg_dump's, so this is where a table dumped twice, or never, shows (facts-databases §4).
 *
 * @throws AppError `dump.unaccounted`
 */
export function demandContents(
  streams: ReadonlyMap<string, ContentsReader>,
  expected: ExpectedTables,
  hasLargeObjects: boolean,
): void {
  const unread = [...streams].filter(([, contents]) => !contents.seen).map(([name]) => name)
  if (unread.length > 0)
    throw new AppError('dump.unaccounted', {
      message: 'the table of contents of a stream could not be read',
      context: { streams: unread },
    })
  const found = new Map<string, number>()
  for (const contents of streams.values())
    for (const oid of contents.tables) found.set(oid, (found.get(oid) ?? 0) + 1)
  const optional = new Set(expected.optional.map(({ oid }) => oid))
  const known = new Set([...optional, ...expected.once.map(({ oid }) => oid)])
  const missing = expected.once.filter(({ oid }) => !found.has(oid)).map(qualified)
  const twice = [...expected.once, ...expected.optional]
    .filter(({ oid }) => (found.get(oid) ?? 0) > 1)
    .map(qualified)
  const foreign = [...found.keys()].filter(oid => !known.has(oid)).map(oid => `oid ${oid}`)
  const lost = hasLargeObjects && ![...streams.values()].some(({ largeObjects }) => largeObjects)
  if (missing.length + twice.length + foreign.length === 0 && !lost) return
  throw new AppError('dump.unaccounted', {
    context: {
      ...(missing.length === 0 ? {} : { missing: told(missing) }),
      ...(twice.length === 0 ? {} : { twice: told(twice) }),
      ...(foreign.length === 0 ? {} : { unknown: told(foreign) }),
      ...(lost ? { large_objects: 'missing' } : {}),
    },
  })
}

function told(names: readonly string[]): readonly string[] {
  return names.length <= named ? names : [...names.slice(0, named), `and ${names.length - named} more`]
}
