import type { Failure } from './app-error.ts'

/**
 * An error for people, the same in every command: message, code, hint, context. A message of several lines
 * keeps them; lists of the context get a line for each entry, unless the message tells them already; so it is with
 * what the problem is.
 *
 * ```
 * error: the object store denied access [object-store.denied]
 *   operation: CreateMultipartUpload
 *   hint: Check credentials and bucket policy for the operation named.
 * ```
 */
export function printFailure(failure: Failure, width = Number.POSITIVE_INFINITY): string {
  const [first = '', ...rest] = failure.message.split('\n')
  const lines = [`error: ${first} [${failure.code}]`, ...rest.map(line => `  ${line.trim()}`)]
  for (const [name, value] of Object.entries(failure.context)) {
    if (typeof value === 'object') {
      const untold = value.filter(each => !failure.message.includes(each))
      if (untold.length > 0) lines.push(`  ${name}:`, ...untold.map(each => indented(each, '    ')))
    } else if (String(value) !== '' && !(name === 'problem' && failure.message.includes(String(value))))
      lines.push(valueLines(name, String(value)))
  }
  if (failure.hint !== '') lines.push(`  hint: ${failure.hint}`)
  return lines
    .join('\n')
    .split('\n')
    .flatMap(line => atWords(line, width))
    .join('\n')
}

/** A line that is too long goes on in further ones, set in; a word is never broken, so that it can be copied. */
function atWords(line: string, width: number): string[] {
  if (line.length <= width) return [line]
  const margin = ' '.repeat(line.length - line.trimStart().length)
  const lines: string[] = []
  let begun = margin
  for (const word of line.trimStart().split(' ')) {
    const longer = begun.trim() === '' ? begun + word : `${begun} ${word}`
    if (longer.length <= width || begun.trim() === '') begun = longer
    else {
      lines.push(begun)
      begun = `${margin}  ${word}`
    }
  }
  return [...lines, begun]
}

function valueLines(name: string, value: string): string {
  return value.includes('\n') ? `  ${name}:\n${indented(value, '    ')}` : `  ${name}: ${value}`
}

function indented(text: string, by: string): string {
  return text
    .split('\n')
    .map(line => by + line)
    .join('\n')
}
