import type { AlertPayload } from './payload.ts'

/** `CRITICAL`, `RESOLVED`, …: the first word of a message for people. */
export function headOf({ event, alert }: AlertPayload): string {
  switch (event) {
    case 'resolved':
      return 'RESOLVED'
    case 'reminder':
      return `STILL ${alert.severity.toUpperCase()}`
    case 'updated':
      return `WORSE: ${alert.severity.toUpperCase()}`
    case 'notice':
      return 'DONE'
    case 'opened':
      return alert.severity.toUpperCase()
  }
}

/** What a person at three o'clock needs after the summary: since when, what is with it, the particulars. */
export function detailsOf({ alert }: AlertPayload): readonly (readonly [name: string, value: string])[] {
  return [
    ['since', alert.opened_at],
    ...(alert.resolved_at === undefined ? [] : [['until', alert.resolved_at] as const]),
    ...Object.entries(alert.facts),
  ]
}

/** What it explains: a line for each of the first, and how many more there are. */
export function explainedOf({ alert }: AlertPayload): readonly string[] {
  const { count, summaries } = alert.explains ?? { count: 0, summaries: [] }
  const more = count - summaries.length
  return [...summaries, ...(more > 0 ? [`and ${more} more`] : [])]
}

/** Text of at most that many characters, an ellipsis in place of what is cut. */
export function short(text: string, most: number): string {
  const characters = [...text]
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`
}
