import type { ReadStream, WriteStream } from 'node:tty'

// the other screen, no cursor, lines cut at the edge instead of going on below; and all of it back
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l'

/** A terminal as one picture that is painted again and again. */
export interface Screen {
  readonly columns: number
  readonly rows: number
  /**
   * Takes the whole terminal (its alternate screen, so that what stood there comes back) for as long as `work` takes;
   * however that ends, the terminal is as it was.
   */
  full<T>(work: () => Promise<T>): Promise<T>
  /** Puts these lines where the last ones stood, without a blink; what does not fit is cut. */
  paint(lines: readonly string[]): void
  /** Calls with each key until the returned function is called; keys reach nobody else, Ctrl-C (`\u0003`) included. */
  onKey(listener: (key: string) => void): () => void
  onResize(listener: () => void): () => void
}

/** The screen of this process's terminal; undefined when its output goes elsewhere. */
export function screenOf(output: WriteStream, input: ReadStream): Screen | undefined {
  if (!output.isTTY) return undefined
  return {
    get columns() {
      return output.columns
    },
    get rows() {
      return output.rows
    },
    full: async work => {
      const restore = () => output.write(leave)
      // the last resort: an end that no `finally` sees
      process.once('exit', restore)
      output.write(enter)
      try {
        return await work()
      } finally {
        process.off('exit', restore)
        restore()
      }
    },
    paint: lines => {
      const shown = lines.slice(0, output.rows)
      // one write, from the top: nothing is cleared before it is painted over
      output.write(
        `\u001b[?2026h\u001b[H${shown.map(line => `${line}\u001b[K`).join('\r\n')}\u001b[J\u001b[?2026l`,
      )
    },
    onKey: listener => {
      const onData = (data: Buffer) => {
        for (const key of keysIn(data.toString('utf8'))) listener(key)
      }
      const raw = input.isTTY
      if (raw) input.setRawMode(true)
      input.on('data', onData)
      input.resume()
      return () => {
        input.off('data', onData)
        if (raw) input.setRawMode(false)
        input.pause()
      }
    },
    onResize: listener => {
      output.on('resize', listener)
      return () => output.off('resize', listener)
    },
  }
}

/** Keys in what a terminal sent at once: escape sequences are one key each. */
export function keysIn(text: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how a terminal sends its keys
  return text.match(/\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|[\s\S]/gu) ?? []
}
