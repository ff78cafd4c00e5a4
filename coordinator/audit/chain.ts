import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { AppError } from '../../shared/errors/index.ts'
import type { AuditEntry, AuditRecord } from '../store/records.ts'

/** The last row of the chain: what the next one is tied to. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}

/** Before the first row. */
export const genesis: ChainHead = { seq: 0, hash: '0'.repeat(64) }

const longestKey = 500

/**
 * The next row: `seq` follows without a gap, `hash` is SHA-256 over the canonical JSON (RFC 8785) of everything
 * else, the former row's hash included. Text is made storable first (see `tidy`), so that what is hashed is what
 * is read back.
 */
export function seal(entry: AuditEntry, head: ChainHead): AuditRecord {
  const tidied = tidy(entry)
  const row = { ...tidied, seq: head.seq + 1, prevHash: head.hash }
  return { ...row, hash: hashOf(row) }
}

/** The hash a row must have. */
export function hashOf(row: Omit<AuditRecord, 'hash'>): string {
  const canonical = canonicalJson({
    seq: row.seq,
    at: row.at,
    class: row.class,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    reason: row.reason,
    detail: row.detail,
    prev_hash: row.prevHash,
  })
  return createHash('sha256').update(canonical).digest('hex')
}

/** JSON of one form only (RFC 8785): what is hashed, and how `detail` is stored. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new AppError('internal', { message: 'nothing to write as canonical JSON' })
  return text
}

/** Well-formed text without NUL, bounded keys, finite numbers: what both databases give back as it was. */
function tidy(entry: AuditEntry): AuditEntry {
  return {
    at: Math.trunc(entry.at),
    class: entry.class,
    actor: shorten(clean(entry.actor)),
    action: shorten(clean(entry.action)),
    subject: shorten(clean(entry.subject)),
    reason: clean(entry.reason),
    detail: Object.fromEntries(
      Object.entries(entry.detail)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [clean(key), tidyValue(value)]),
    ),
  }
}

function tidyValue(value: string | number | boolean): string | number | boolean {
  if (typeof value === 'string') return clean(value)
  if (typeof value !== 'number') return value
  if (!Number.isFinite(value)) return String(value)
  return value === 0 ? 0 : value
}

function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

function shorten(text: string): string {
  return text.length <= longestKey ? text : `${text.slice(0, longestKey).toWellFormed()}…`
}
