import type { AuditRecord } from '../../store/records.ts'
import { rowLine } from './row-line.ts'

/** Facilities by their usual names (RFC 5424 §6.2.1). */
const codes = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  audit: 13,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const

export type Facility = keyof typeof codes
export const facilities = Object.keys(codes) as [Facility, ...Facility[]]

/** What every message of a process says of it. */
export interface SyslogOrigin {
  readonly facility: Facility
  readonly hostname: string
  readonly pid: number
}

/** The number of examples (RFC 5612): Holdfast has none of its own. */
const element = 'holdfast@32473'
const notice = 5
const warning = 4

/**
 * An event as a message of RFC 5424: what one searches for as structured data, the whole event as JSON in the text.
 *
 * @param largest bytes the message may have; one that has more says so by `truncated` and ends early
 */
export function syslogMessage(
  row: AuditRecord,
  origin: SyslogOrigin,
  largest = Number.POSITIVE_INFINITY,
): Buffer {
  const head = headOf(row, origin)
  const data = dataOf(row, {})
  const whole = Buffer.from(`${head} ${data} ${rowLine(row)}`)
  if (whole.byteLength <= largest) return whole
  // cut behind the structured data: seq and hash say which event it is
  const start = Buffer.from(`${head} ${dataOf(row, { truncated: 'yes' })} `)
  const text = Buffer.from(rowLine(row)).subarray(0, Math.max(0, largest - start.byteLength))
  return Buffer.concat([start, Buffer.from(text.toString('utf8').replace(/\ufffd+$/, ''))])
}

/** Facility and severity: refusals warn, what was done is noted. */
export function priorityOf({ class: eventClass }: AuditRecord, facility: Facility): number {
  return 8 * codes[facility] + (eventClass === 'security' ? warning : notice)
}

function headOf(row: AuditRecord, { facility, hostname, pid }: SyslogOrigin): string {
  const host = printable(hostname, 255)
  return `<${priorityOf(row, facility)}>1 ${new Date(row.at).toISOString()} ${host} holdfast ${pid} ${printable(row.action, 32)}`
}

function dataOf({ seq, actor, subject, hash }: AuditRecord, more: Readonly<Record<string, string>>): string {
  const parameters = Object.entries({ seq: String(seq), actor, subject, hash, ...more })
    .map(([name, value]) => ` ${name}="${value.replaceAll(/["\\\]]/g, found => `\\${found}`)}"`)
    .join('')
  return `[${element}${parameters}]`
}

/** A field of the header: printable ASCII without spaces, never empty. */
function printable(text: string, longest: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '?').slice(0, longest) || '-'
}
