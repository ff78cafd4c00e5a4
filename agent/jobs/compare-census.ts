import type { Census, CensusCounts } from '../../shared/model/census.ts'

/** As many differences are told. */
export const toldDifferences = 20

/** How a restored database is not what its census says; empty: it is. */
export interface Comparison {
  /** One line each, the first of them: names and counts. */
  readonly differences: readonly string[]
  /** All there are. */
  readonly count: number
}

/**
 * Compares what a restored database holds with what its census says. Pure. What either side could not count is not
 * compared; kinds of object that only one side knows (another version counted) neither. A sequence stands outside of
 * transactions: it may have gone on before the dump read it, never back.
 */
export function compareCensus(expected: Census, found: CensusCounts): Comparison {
  const skipped = new Set([...expected.skipped, ...found.skipped].map(({ name }) => name))
  const lines = [
    ...tables(expected, found, skipped),
    ...sequences(expected, found, skipped),
    ...objects(expected.objects, found.objects),
  ]
  return { differences: lines.slice(0, toldDifferences).map(shortened), count: lines.length }
}

/** The name a table or sequence has in `skipped`, and in what is told. */
export function censusName({
  schema,
  name,
}: {
  readonly schema?: string | undefined
  readonly name: string
}): string {
  return schema === undefined ? name : `${schema}.${name}`
}

function tables(
  expected: CensusCounts,
  found: CensusCounts,
  skipped: ReadonlySet<string>,
): readonly string[] {
  const restored = byName(found.tables)
  const known = byName(expected.tables)
  const lines: string[] = []
  for (const [key, { rows, ...table }] of known) {
    const name = censusName(table)
    if (skipped.has(name)) continue
    const other = restored.get(key)
    if (other === undefined) lines.push(`table ${name} is missing; it had ${rows} rows`)
    else if (BigInt(other.rows) !== BigInt(rows))
      lines.push(`table ${name} has ${other.rows} rows; it had ${rows}`)
  }
  for (const [key, table] of restored) {
    const name = censusName(table)
    if (!known.has(key) && !skipped.has(name)) lines.push(`table ${name} was not there`)
  }
  return lines
}

function sequences(
  expected: CensusCounts,
  found: CensusCounts,
  skipped: ReadonlySet<string>,
): readonly string[] {
  const restored = byName(found.sequences)
  const lines: string[] = []
  for (const [key, sequence] of byName(expected.sequences)) {
    const name = censusName(sequence)
    if (skipped.has(name)) continue
    const other = restored.get(key)
    if (other === undefined) {
      lines.push(`sequence ${name} is missing, or was never used; it was at ${sequence.last}`)
      continue
    }
    const [was, is] = [BigInt(sequence.last), BigInt(other.last)]
    if (sequence.descending === true ? is > was : is < was)
      lines.push(`sequence ${name} is at ${other.last}, behind ${sequence.last}`)
  }
  return lines
}

function objects(
  expected: Readonly<Record<string, number>>,
  found: Readonly<Record<string, number>>,
): readonly string[] {
  return Object.keys(expected)
    .sort()
    .flatMap(kind => {
      const [was, is] = [expected[kind], found[kind]]
      return is === undefined || was === is ? [] : [`${is} ${kind}; there were ${was}`]
    })
}

function byName<T extends { readonly schema?: string | undefined; readonly name: string }>(
  all: readonly T[],
): ReadonlyMap<string, T> {
  return new Map(all.map(each => [JSON.stringify([each.schema ?? null, each.name]), each]))
}

function shortened(line: string): string {
  return line.length <= 300 ? line : `${line.slice(0, 299)}…`
}
