import type { BenchRow } from '../row.ts'

/** Rows as lines for a terminal. */
export function table(rows: readonly BenchRow[]): readonly string[] {
  const heading = ['case', 'value', 'unit', 'target', 'ok', 'under']
  const cells = rows.map(row => [
    row.case,
    row.value === null ? '–' : String(row.value),
    row.unit,
    row.target ?? '',
    row.target === null && row.ok ? '' : row.ok ? 'yes' : 'NO',
    row.conditions ?? '',
  ])
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...cells.map(line => (line[column] ?? '').length)),
  )
  return [heading, ...cells].map(line =>
    line
      .map((cell, column) =>
        column === 1 || column === 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
