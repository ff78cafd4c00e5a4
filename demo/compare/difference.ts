/** One fact about a database that must be the same in its copy, such as a table's rows and their checksum. */
export interface Fact {
  /** Kind and name, such as `table sales.orders`. */
  readonly subject: string
  readonly value: string
}

/** What is compared, and where the two are not the same. */
export interface Comparison {
  /** Facts looked at in the first database. */
  readonly facts: number
  readonly tables: number
  readonly rows: number
  /** One line for each difference; empty when the two are the same. */
  readonly differences: readonly string[]
}

/** Rows of a table and the order-independent checksum over them. */
export interface TableFact extends Fact {
  readonly rows: number
}

/** Compares the facts of two databases. A database without any table is a difference: an empty copy of nothing proves nothing. */
export function compareFacts(
  first: { tables: readonly TableFact[]; others: readonly Fact[] },
  second: { tables: readonly TableFact[]; others: readonly Fact[] },
): Comparison {
  const left = index([...first.tables, ...first.others])
  const right = index([...second.tables, ...second.others])
  const differences: string[] = []
  if (first.tables.length === 0) differences.push('there is no table to compare')
  for (const [subject, value] of left) {
    const other = right.get(subject)
    if (other === undefined) differences.push(`${subject}: missing in the second`)
    else if (other !== value) differences.push(`${subject}: ${value} in the first, ${other} in the second`)
  }
  for (const subject of right.keys())
    if (!left.has(subject)) differences.push(`${subject}: only in the second`)
  return {
    facts: left.size,
    tables: first.tables.length,
    rows: first.tables.reduce((sum, { rows }) => sum + rows, 0),
    differences,
  }
}

function index(facts: readonly Fact[]): Map<string, string> {
  return new Map(facts.map(({ subject, value }) => [subject, value]))
}
