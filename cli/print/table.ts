import stringWidth from 'string-width'

/** A column: its heading, the text of a row, and whether it may be cut when the table is too wide. */
export interface Column<T> {
  readonly heading: string
  readonly value: (row: T) => string
  readonly align?: 'right'
  /** May be shortened to this many columns, ending in `…`. */
  readonly shrinkTo?: number
}

/** Control characters would move the cursor; names may hold any. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD')
}

/**
 * A table that fits `width` terminal columns where its shrinkable columns allow it: two spaces between
 * columns, no rules, headings in capitals. Wide characters count double.
 */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], width: number): string {
  const cells = rows.map(row => columns.map(column => printable(column.value(row))))
  const widths = columns.map((column, i) =>
    Math.max(stringWidth(column.heading), ...cells.map(row => stringWidth(row[i] ?? ''))),
  )
  let excess = widths.reduce((sum, w) => sum + w, 0) + 2 * (columns.length - 1) - width
  while (excess > 0) {
    const widest = columns
      .map((column, i) => ({
        i,
        spare: column.shrinkTo === undefined ? 0 : (widths[i] ?? 0) - column.shrinkTo,
      }))
      .reduce((a, b) => (b.spare > a.spare ? b : a))
    if (widest.spare <= 0) break
    widths[widest.i] = (widths[widest.i] ?? 0) - 1
    excess--
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cellOf(cell, widths[i] ?? 0, columns[i]?.align ?? 'left'))
      .join('  ')
      .trimEnd()
  return [columns.map(column => column.heading), ...cells].map(line).join('\n')
}

/** Two columns, name and value, for one thing. Empty values are left out. */
export function card(fields: readonly (readonly [name: string, value: string])[]): string {
  const shown = fields.filter(([, value]) => value !== '')
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n')
}

function cellOf(text: string, width: number, align: 'left' | 'right'): string {
  let shown = text
  if (stringWidth(shown) > width) {
    const characters = [...shown]
    while (characters.length > 0 && stringWidth(characters.join('')) > width - 1) characters.pop()
    shown = `${characters.join('')}…`
  }
  const padding = ' '.repeat(Math.max(0, width - stringWidth(shown)))
  return align === 'right' ? padding + shown : shown + padding
}
