import { z } from 'zod'
import { duration, secretFile } from '../shared/config/index.ts'
import { facilities } from './audit/ship/syslog-message.ts'

const syslogUrl = /^(?:(?:udp|tcp|tls):\/\/[^/\s]+:\d{1,5}|unix:\/\/\/\S+)$/

/** A copy of every event beside the store, for a SIEM or an archive. */
const shipSchema = z.strictObject({
  /** JSON lines, 0600, appended; it may be moved away at any time. */
  file: z.strictObject({ path: z.string().startsWith('/', 'expected an absolute path') }).optional(),
  /** RFC 5424. */
  syslog: z
    .strictObject({
      /** `tls://host:6514`, `tcp://host:601`, `udp://host:514` or `unix:///dev/log`. */
      url: z.string().refine(text => syslogUrl.test(text), {
        message: 'expected udp://, tcp:// or tls://host:port, or unix:///absolute/path',
      }),
      facility: z.enum(facilities).prefault('authpriv'),
      /** CAs that may have certified the receiver; absent: those of the system. */
      ca_file: z.string().min(1).optional(),
      /** What this process shows, for receivers that ask. */
      certificate_file: z.string().min(1).optional(),
      key_file: secretFile().optional(),
    })
    .optional(),
  /** Between two looks for new events. */
  every: duration({ min: 10 }).prefault('1s'),
  /** So long in vain, and people are told. */
  patience: duration({ min: 0 }).prefault('1m'),
})

/** What is done with the audit beside keeping it. */
export const auditSchema = z.strictObject({
  /** The head of the chain, put into a bucket by a keeper: a chain that was rewritten no longer fits it. */
  anchors: z
    .strictObject({
      /** One of `destinations`; best a bucket of its own with Object Lock, which the keeper cannot delete in. */
      destination: z.string().min(1),
      every: duration({ min: 100 }).prefault('1h'),
    })
    .optional(),
  ship: shipSchema.optional(),
})

/** Where events are shipped to, as configured. */
export type ShipConfig = z.infer<typeof shipSchema>

/** What no key can tell by itself. */
export function auditProblems(
  audit: unknown,
  destinations: readonly string[],
): readonly { readonly path: readonly string[]; readonly text: string }[] {
  const { anchors, ship } = (audit ?? {}) as {
    readonly anchors?: { readonly destination?: unknown }
    readonly ship?: { readonly syslog?: Readonly<Record<string, unknown>> }
  }
  const named = anchors?.destination
  const problems =
    typeof named === 'string' && named !== '' && !destinations.includes(named)
      ? [{ path: ['anchors', 'destination'], text: 'must be the name of one of `destinations`' }]
      : []
  return [...problems, ...syslogProblems(ship?.syslog ?? {})]
}

function syslogProblems(syslog: Readonly<Record<string, unknown>>) {
  const { url, certificate_file: certificate, key_file: key } = syslog
  const told = []
  const named = ['ca_file', 'certificate_file', 'key_file'].find(name => syslog[name] !== undefined)
  if (named !== undefined && typeof url === 'string' && !url.startsWith('tls:'))
    told.push({ path: ['ship', 'syslog', named], text: 'is for a `url` that begins with tls:' })
  if ((certificate === undefined) !== (key === undefined))
    told.push({ path: ['ship', 'syslog', 'key_file'], text: 'and `certificate_file` go together' })
  return told
}
