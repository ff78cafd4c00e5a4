/**
 * The JSON form of answers: field names as in the contract (snake_case), times in integer milliseconds,
 * bytes as UTF-8 text where they are JSON already, else base64. Absent messages are null.
 */
export function json(value: unknown): string {
  return JSON.stringify(plain(value), null, 2)
}

/** The same as a value. */
export function plain(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (value instanceof Uint8Array) return bytesToPlain(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [snake(key), plain(inner)]))
}

function snake(key: string): string {
  return key.replace(/[A-Z]|\d+(?=[a-z])/g, match => `_${match.toLowerCase()}`)
}

function bytesToPlain(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return Buffer.from(bytes).toString('base64')
  }
}
