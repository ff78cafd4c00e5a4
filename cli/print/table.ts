import stringWidth from 'string-width'
import type { Paint } from './paint.ts'

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
  /** Colours a cell, once it has its width. */
  readonly paint?: Paint | undefined
  /** Shown only where width does not matter (`-o wide`). */
  readonly wide?: true
  /** May be left out where the table would be too wide even with everything shortened: the lowest number first. */
  readonly drop?: number
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
  const columns = fitting(
    all
      .filter(column => column.wide !== true || width === Number.POSITIVE_INFINITY)
      .map(column => {
        const texts = rows.map(row => printable(column.value(row)))
        return { ...column, texts, width: widest([column.heading, ...texts]) }
      }),
    width,
  )
  const cells = rows.map((_row, i) => columns.map(column => column.texts[i] ?? ''))
  const widths = columns.map(column => column.width)
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
  const line = (row: readonly string[], heads = false) =>
    row
      .map((cell, i) => cellOf(cell, widths[i] ?? 0, columns[i], heads ? undefined : columns[i]?.paint))
      .join('  ')
      .trimEnd()
  const last = columns.length - 1
  const lines = (row: readonly string[]) => {
    if (columns[last]?.wrap !== true) return [line(row)]
    const [first = '', ...rest] = wrapped(row[last] ?? '', widths[last] ?? 0)
    const blank = row.slice(0, last).map(() => '')
    return [line([...row.slice(0, last), first]), ...rest.map(more => line([...blank, more]))]
  }
  return [
    line(
      columns.map(column => column.heading),
      true,
    ),
    ...cells.flatMap(lines),
  ].join('\n')
}

/**
 * Two columns, name and value, for one thing. Empty values are left out; long ones go on in further lines, broken
 * between words: an id or a URL stays one that can be copied.
 */
export function card(
  fields: readonly (readonly [name: string, value: string, paint?: Paint | undefined])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const shown = fields.filter(([, value]) => value !== '')
  const margin = widest(shown.map(([name]) => name)) + 2
  return shown
    .flatMap(([name, value, paint]) =>
      atWords(printable(value), width - margin).map((line, i) =>
        i === 0 ? name.padEnd(margin) + (paint?.(line) ?? line) : ' '.repeat(margin) + line,
      ),
    )
    .join('\n')
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, stringWidth(text)), 0)
}

/** The columns that stay: as long as not even shortened ones fit, the next that may go is left out. */
function fitting<T extends Pick<Column<unknown>, 'drop' | 'shrinkTo'> & { readonly width: number }>(
  columns: readonly T[],
  width: number,
): readonly T[] {
  const least = columns.reduce(
    (sum, column) => sum + 2 + Math.min(column.width, column.shrinkTo ?? column.width),
    -2,
  )
  const next = columns
    .filter(({ drop }) => drop !== undefined)
    .sort((a, b) => (a.drop ?? 0) - (b.drop ?? 0))
    .at(0)
  return least <= width || next === undefined
    ? columns
    : fitting(
        columns.filter(column => column !== next),
        width,
      )
}

function cellOf<T>(text: string, width: number, column: Column<T> | undefined, paint?: Paint): string {
  const shown = stringWidth(text) > width ? shortened(text, width, column?.cut ?? 'end') : text
  const padding = ' '.repeat(Math.max(0, width - stringWidth(shown)))
  const painted = paint === undefined ? shown : paint(shown)
  return column?.align === 'right' ? padding + painted : painted + padding
}

function shortened(text: string, width: number, cut: 'end' | 'start' | 'middle'): string {
  const room = width - 1
  if (cut === 'end') return `${asMany([...text], room)}…`
  const tail = cut === 'start' ? room : Math.floor(room / 2)
  const end = [...asMany([...text].reverse(), tail)].reverse().join('')
  return `${asMany([...text], room - tail)}…${end}`
}

/** As many characters as fit that many columns. */
function asMany(characters: readonly string[], columns: number): string {
  let kept = ''
  for (const character of characters) {
    if (stringWidth(kept + character) > columns) break
    kept += character
  }
  return kept
}

/** Lines broken between words only: one that is longer than `width` is a single word. */
export function atWords(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && stringWidth(`${line} ${word}`) <= width)
      lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

/** Lines of at most `width` columns, broken between words where that can be. */
function wrapped(text: string, width: number): string[] {
  return atWords(text, width).flatMap(line => {
    const pieces: string[] = []
    for (let rest = line; rest !== ''; rest = rest.slice(pieces.at(-1)?.length))
      pieces.push(asMany([...rest], Math.max(2, width)))
    return pieces
  })
}
