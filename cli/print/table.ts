import stringWidth from 'string-width'

/** A column: its heading, the text of a row, and whether it may be cut when the table is too wide. */
export interface Column<T> {
  readonly heading: string
  readonly value: (row: T) => string
  readonly align?: 'right'
  /** May be shortened to this many columns, with a `…` in place of what is cut. */
  readonly shrinkTo?: number
  /** Where a text is cut, if it must be: its end, or its start where the end tells more. */
  readonly cut?: 'end' | 'start' | 'middle'
  /** Last column only: goes on in further lines instead of being cut. */
  readonly wrap?: boolean
  /** Shown only where width does not matter (`-o wide`). */
  readonly wide?: true
}

/** Control characters would move the cursor; names may hold any. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD')
}

/**
 * A table that fits `width` terminal columns where its shrinkable columns allow it: two spaces between
 * columns, no rules, headings in capitals. Wide characters count double.
 */
export function table<T>(rows: readonly T[], all: readonly Column<T>[], width: number): string {
  const columns = all.filter(column => column.wide !== true || width === Number.POSITIVE_INFINITY)
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
      .map((cell, i) => cellOf(cell, widths[i] ?? 0, columns[i]))
      .join('  ')
      .trimEnd()
  const last = columns.length - 1
  const lines = (row: readonly string[]) => {
    if (columns[last]?.wrap !== true) return [line(row)]
    const [first = '', ...rest] = wrapped(row[last] ?? '', widths[last] ?? 0)
    const blank = row.slice(0, last).map(() => '')
    return [line([...row.slice(0, last), first]), ...rest.map(more => line([...blank, more]))]
  }
  return [columns.map(column => column.heading), ...cells].flatMap(lines).join('\n')
}

/** Two columns, name and value, for one thing. Empty values are left out. */
export function card(fields: readonly (readonly [name: string, value: string])[]): string {
  const shown = fields.filter(([, value]) => value !== '')
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n')
}

function cellOf<T>(text: string, width: number, column: Column<T> | undefined): string {
  const shown = stringWidth(text) > width ? shortened(text, width, column?.cut ?? 'end') : text
  const padding = ' '.repeat(Math.max(0, width - stringWidth(shown)))
  return column?.align === 'right' ? padding + shown : shown + padding
}

function shortened(text: string, width: number, cut: 'end' | 'start' | 'middle'): string {
  const room = width - 1
  if (cut === 'end') return `${fitting([...text], room)}…`
  const tail = cut === 'start' ? room : Math.floor(room / 2)
  const end = [...fitting([...text].reverse(), tail)].reverse().join('')
  return `${fitting([...text], room - tail)}…${end}`
}

/** As many characters as fit that many columns. */
function fitting(characters: readonly string[], columns: number): string {
  let kept = ''
  for (const character of characters) {
    if (stringWidth(kept + character) > columns) break
    kept += character
  }
  return kept
}

/** Lines of at most `width` columns, broken between words where that can be. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && stringWidth(`${line} ${word}`) <= width)
      lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.flatMap(line => {
    const pieces: string[] = []
    for (let rest = line; rest !== ''; rest = rest.slice(pieces.at(-1)?.length))
      pieces.push(fitting([...rest], Math.max(2, width)))
    return pieces
  })
}
