/** Shows a state by its colour, or leaves it as it is where there are none. */
export type Paint = (text: string) => string

/** How each state is meant; what is in no list has no colour. */
const tones = {
  '\u001b[32m': ['protected', 'succeeded', 'connected', 'delivered', 'present', 'ok', 'intact', 'healthy'],
  '\u001b[33m': [
    ...['due', 'at-risk', 'warning', 'silent', 'draining', 'queued', 'assigned', 'cancelling', 'open'],
    ...['pending', 'waiting', 'copying', 'paused', 'acked', 'late'],
  ],
  '\u001b[31m': [
    ...['breached', 'unprotected', 'failed', 'critical', 'away', 'refused', 'dead', 'failing', 'lost'],
    ...['missing', 'broken', 'revoked', 'rejected', 'error'],
  ],
  '\u001b[36m': ['running'],
  '\u001b[2m': ['cancelled', 'resolved', 'gone', 'expired', 'ended', 'superseded', 'drained'],
} as const

const byWord = new Map<string, string>(
  Object.entries(tones).flatMap(([code, words]) => words.map(word => [word, code] as const)),
)

/** Colours a text by its first word: `failed`, `away, draining`. */
export const inColours: Paint = text => {
  const code = byWord.get(/[a-z-]+/.exec(text)?.[0] ?? '')
  return code === undefined ? text : `${code}${text}\u001b[0m`
}

/** No colours. */
export const plainly: Paint = text => text

/**
 * Whether a stream gets colours: only a terminal, one that can, and not where somebody says no, be it `--no-color`
 * or `NO_COLOR` with any value (no-color.org).
 */
export function wantsColours(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  const refused = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb'
  return isTerminal && !refused && !argv.includes('--no-color')
}
