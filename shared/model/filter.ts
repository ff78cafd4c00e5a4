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

/** Patterns by key, all of whose keys must hold: several of one key are alternatives. */
export type Selector = Readonly<Record<string, readonly string[]>>

const mostPatterns = 100

/**
 * Reads a selector: `key=pattern` pairs joined by commas, escaped as in a filter. Returns what is wrong with it
 * instead, as text, when it is none.
 */
export function parseSelector(text: string, allowed: readonly string[]): Selector | string {
  const found = new Map<string, readonly string[]>()
  const pairs = splitUnescaped(text)
  if (pairs.length > mostPatterns) return `it has more than ${mostPatterns} patterns`
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const key = pair.slice(0, at).trim()
    const pattern = unescapeValue(pair.slice(at + 1).trim())
    if (at < 1) return `\`${pair}\` is not of the form key=pattern`
    if (!allowed.includes(key)) return `\`${key}\` is no key of it`
    if (pattern === '') return `${key} has no pattern`
    found.set(key, [...(found.get(key) ?? []), pattern])
  }
  return Object.fromEntries(found)
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
