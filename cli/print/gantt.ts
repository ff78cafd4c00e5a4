import stringWidth from 'string-width'
import { printable } from './table.ts'
import { instant } from './units.ts'

/** Columns beyond which a picture of a day tells no more. */
const widest = 200

/** A bar over time. */
export interface Bar {
  readonly label: string
  readonly from: number
  readonly to: number
  /** Where its promise breaks; 0: not shown. */
  readonly deadline: number
}

/**
 * Bars over a stretch of time, a line each, at most `room` columns: `█` while it runs, `▏` where its promise
 * breaks, `!` on what runs beyond it. The axis says which time each column is.
 */
export function gantt(bars: readonly Bar[], from: number, to: number, room: number): string {
  const width = Math.min(room, widest)
  const names = bars.map(each => shortened(printable(each.label), Math.floor(width / 3)))
  const margin = Math.max(4, ...names.map(name => stringWidth(name)))
  const columns = Math.max(10, width - margin - 2)
  const at = (time: number) => Math.floor(((time - from) / Math.max(1, to - from)) * columns)
  const lines = bars.map((bar, i) => {
    const cells = Array.from({ length: columns }, () => ' ')
    const end = Math.max(at(bar.from) + 1, Math.ceil(((bar.to - from) / Math.max(1, to - from)) * columns))
    for (let n = Math.max(0, at(bar.from)); n < Math.min(columns, end); n++)
      cells[n] = bar.deadline > 0 && n >= at(bar.deadline) && bar.to > bar.deadline ? '!' : '█'
    const limit = at(bar.deadline)
    if (bar.deadline > 0 && limit >= 0 && limit < columns && cells[limit] === ' ') cells[limit] = '▏'
    const name = names[i] ?? ''
    return `${name}${' '.repeat(margin - stringWidth(name))}  ${cells.join('')}`.trimEnd()
  })
  return [axis(from, to, columns, margin), ...lines].join('\n')
}

/** Hours and minutes, UTC, every twelve columns or so. */
function axis(from: number, to: number, columns: number, margin: number): string {
  let line = ''
  for (let n = 0; n + 5 <= columns; n += 12)
    line = `${line.padEnd(n)}${instant(from + ((to - from) * n) / columns).slice(11, 16)}`
  return `${'UTC'.padEnd(margin)}  ${line}`
}

function shortened(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  for (const character of text) {
    if (stringWidth(kept + character) > width - 1) break
    kept += character
  }
  return `${kept}…`
}
