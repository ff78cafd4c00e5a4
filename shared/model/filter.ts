/**
 * The filter of every list: `key=value` pairs joined by commas, all of which must hold. A comma, an equals
 * sign or a backslash in a value is escaped by a backslash, so that any database name can be asked for.
 */
export type Filter = ReadonlyMap<string, string>

/** Reads a filter. Returns what is wrong with it instead, as text, when it is none. */
export function parseFilter(text: string, allowed: readonly string[]): Filter | string {
  const filter = new Map<string, string>()
  if (text === '') return filter
  for (const pair of splitUnescaped(text)) {
    const at = pair.indexOf('=')
    const key = pair.slice(0, at)
    if (at < 1) return `\`${pair}\` is not of the form key=value`
    if (!allowed.includes(key)) return `\`${key}\` is no key of this list; it has: ${allowed.join(', ')}`
    if (filter.has(key)) return `\`${key}\` is given twice`
    filter.set(key, unescapeValue(pair.slice(at + 1)))
  }
  return filter
}

/** Writes a filter that `parseFilter` reads back; absent and empty values are left out. */
export function formatFilter(pairs: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(pairs)
    .filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '')
    .map(([key, value]) => `${key}=${value.replace(/[\\,]/g, '\\$&')}`)
    .join(',')
}

function splitUnescaped(text: string): string[] {
  const parts: string[] = []
  let part = ''
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') part += text.slice(i, ++i + 1)
    else if (text[i] === ',') {
      parts.push(part)
      part = ''
    } else part += text[i]
  }
  return [...parts, part]
}

function unescapeValue(text: string): string {
  return text.replace(/\\(.)/gs, '$1')
}
