import { csv } from './csv.ts'
import { plain } from './json.ts'

/**
 * Things of one kind as CSV: a column for each field that any of them has, in the order of the contract; what is
 * nested stands as JSON in its cell.
 *
 * @param like a thing with every field, so that the headings stand where there are no rows
 */
export function rowsAsCsv(rows: readonly unknown[], like: unknown = {}): string {
  const told = rows.map(row => {
    const value = plain(row)
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : { value }
  })
  const columns = [...new Set([...Object.keys(plain(like) ?? {}), ...told.flatMap(row => Object.keys(row))])]
  const cells = told.map((row: Readonly<Record<string, unknown>>) =>
    columns.map(column => cellOf(row[column])),
  )
  return csv(columns, cells)
}

function cellOf(value: unknown): string | number {
  if (value === null || value === undefined) return ''
  return typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value)
}
