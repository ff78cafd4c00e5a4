import type { BenchRow } from './row.ts'

/** Rows as lines for a terminal. */
export function table(rows: readonly BenchRow[]): readonly string[] {
  const lines = rows.map(row => [
    row.case,
    row.value === null ? '–' : String(row.value),
    row.unit,
    row.target ?? '',
    row.target === null && row.ok ? '' : row.ok ? 'yes' : 'NO',
    row.conditions ?? '',
  ])
  return columns([['case', 'value', 'unit', 'target', 'ok', 'under'], ...lines])
}

/** Cells as columns; numbers to the right. */
export function columns(lines: readonly (readonly string[])[]): readonly string[] {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map(line => (line[column] ?? '').length)),
  )
  return lines.map(line =>
    line
      .map((cell, column) =>
        /^[≥≤\d–]/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
