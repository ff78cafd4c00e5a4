/** What stands in the place of a secret, everywhere (architecture §11). */
export const redacted = '[redacted]'

const secretWords =
  /(^|[_-])(password|passwd|pwd|passphrase|secret|token|credentials?|authorization|cookie|dsn)([_-]|$)|(^|[_-])(api|access|private|secret|account|signing)[_-]?key([_-]|$)|pgpass/
const harmless = /([_-](file|path|id|ids|name|count|at|hash|sha256)|^page[_-]token|^next[_-]page[_-]token)$/

/**
 * Whether a key names a secret: `password`, `consul_token`, `secretAccessKey`. Keys that name where a secret
 * is kept (`password_file`) or what identifies it (`access_key_id`) do not.
 */
export function isSecretKey(key: string): boolean {
  const words = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()
  return secretWords.test(words) && !harmless.test(words)
}

/**
 * Removes the password from every URL inside `text`: `postgresql://u:p@h/d` → `postgresql://u:[redacted]@h/d`, and
 * every age identity.
 */
export function redactText(text: string): string {
  const open = /AGE-(SECRET-KEY|PLUGIN)-/i.test(text)
    ? text.replace(/AGE-(SECRET-KEY-|PLUGIN-)[A-Z0-9-]+/gi, redacted)
    : text
  if (!open.includes('://')) return open
  return open
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*):[^\s/?#]*@/gi, `$1:${redacted}@`)
    .replace(
      /([?&](?:password|token|secret|X-Amz-Signature|X-Amz-Security-Token)=)[^&\s#]*/gi,
      `$1${redacted}`,
    )
}

const deepest = 6

/** A copy of `value` fit for printing: secrets by key and URL passwords replaced, depth and bytes bounded. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return value
  if (value instanceof Date) return value
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`
  if (depth >= deepest) return '[deeper]'
  if (Array.isArray(value)) return value.map(item => redact(item, depth + 1))
  if (value instanceof Map) return redact(Object.fromEntries(value), depth)
  if (value instanceof Set) return redact([...value], depth)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      isSecretKey(key) && item !== undefined && item !== null && typeof item !== 'boolean'
        ? redacted
        : redact(item, depth + 1),
    ]),
  )
}
