import { atWords, printable } from './table.ts'

/** One thing that happened: what stands in the margin, and text of any length beside it. */
export interface Paragraph {
  readonly margin: string
  readonly text: string
}

/** Lines in order, each text wrapped at words beside its margin: nothing is cut, and it fits `width`. */
export function story(paragraphs: readonly Paragraph[], width: number): string {
  return paragraphs
    .map(({ margin, text }) => {
      const lines = atWords(printable(text), Math.max(20, width - margin.length))
      return lines.map((line, i) => (i === 0 ? margin : ' '.repeat(margin.length)) + line).join('\n')
    })
    .join('\n')
}
