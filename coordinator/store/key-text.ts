import { createHash } from 'node:crypto'

const longest = 1_000

/**
 * Text fit for a key column of both databases: well-formed, without NUL (PostgreSQL has none), and short enough
 * for an index row (2,704 bytes there); what is longer keeps its head and a hash of the whole. The record
 * beside it keeps the true text.
 */
export function keyText(text: string): string {
  const clean = text.toWellFormed().replaceAll('\0', '\ufffd')
  if (Buffer.byteLength(clean) <= longest) return clean
  const hash = createHash('sha256').update(clean).digest('hex')
  return `${Buffer.from(clean)
    .subarray(0, longest)
    .toString('utf8')
    .replace(/\ufffd+$/, '')}~${hash}`
}

/** A boolean as it is stored. */
export function flag(value: boolean): number {
  return value ? 1 : 0
}
