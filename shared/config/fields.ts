import { z } from 'zod'
import type { SecretSource } from '../secrets/source.ts'
import { type Duration, parseDuration } from '../time/index.ts'
import { forms } from './forms.ts'

const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Reads a size such as `16MiB`, `1.5GB`, `512`; undefined for anything else, and for what is no whole byte count. */
export function parseByteSize(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$/.exec(text) ?? []
  if (amount === undefined) return undefined
  const bytes = Number(amount) * (sizeUnits[unit ?? 'B'] ?? Number.NaN)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** A text turned into something by `parse`; what it refuses is reported with `expected`. */
function parsed<T>(expected: string, parse: (text: string) => T | undefined, show?: 'duration' | 'bytes') {
  return z
    .string()
    .transform((text, context): T => {
      const value = parse(text)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: `expected ${expected}`, input: text })
      return z.NEVER
    })
    .register(forms, { expected, ...(show === undefined ? {} : { show }) })
}

/** A duration such as `90s`, `1h30m`, `7d` → milliseconds. Give a default by `.prefault('24h')`. */
export function duration(bounds: { readonly min?: Duration; readonly max?: Duration } = {}) {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = bounds
  const limits = [
    ...(bounds.min === undefined ? [] : [`at least ${showDuration(min)}`]),
    ...(bounds.max === undefined ? [] : [`at most ${showDuration(max)}`]),
  ]
  return parsed(
    ['a duration such as 90s, 15m or 24h', ...limits].join(', '),
    text => {
      const value = parseDuration(text)
      return value !== undefined && value >= min && value <= max ? value : undefined
    },
    'duration',
  )
}

/** A size such as `16MiB`, `1GB` or a number of bytes → bytes. Give a default by `.prefault('16MiB')`. */
export function byteSize() {
  const expected = 'a size such as 512KiB, 16MiB or 1GB'
  return z
    .union([z.string(), z.int().nonnegative()])
    .transform((given, context): number => {
      const value = typeof given === 'number' ? given : parseByteSize(given)
      if (value !== undefined) return value
      context.issues.push({ code: 'custom', message: `expected ${expected}`, input: given })
      return z.NEVER
    })
    .register(forms, { expected, show: 'bytes' })
}

/** The path of a file that holds a secret and that a program is to read itself, such as an identity of age. */
export function secretFile() {
  return z.string().min(1).register(forms, { expected: 'the path of a file that holds the secret' })
}

const secretForms = z.union([
  z.string().min(1),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ mounted: z.string().startsWith('/') }),
  z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({
    command: z.array(z.string()).min(1),
    pass_env: z.array(z.string().min(1)).optional(),
    timeout: duration({ min: 100, max: 60_000 }).optional(),
  }),
  z.strictObject({
    aws_secrets_manager: z.strictObject({
      id: z.string().min(1),
      field: z.string().min(1).optional(),
      region: z.string().min(1).optional(),
      endpoint: url().optional(),
    }),
  }),
])

/**
 * Where a secret comes from: the path of a file, or a section that names another provider. Only this is
 * configuration; reading is `readSecret` of `shared/secrets`.
 */
export function secret(): z.ZodType<SecretSource, z.input<typeof secretForms>> {
  return secretForms.register(forms, {
    expected:
      'the path of a file that holds the secret, or one of `file`, `mounted`, `env`, `command`, `aws_secrets_manager`',
  })
}

/** A place to listen on or to dial, as people write it. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Reads `127.0.0.1:7400`, `[::1]:7400`, `localhost:0`; undefined for anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, bracketed, bare, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]/]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? bare
  const port = Number(digits)
  return host === undefined || port > 65_535 ? undefined : { host, port }
}

/** `host:port`, kept as text; `parseHostPort` takes it apart. Port 0 means any free port. */
export function hostPort() {
  return parsed('host:port such as 127.0.0.1:7400', text =>
    parseHostPort(text) === undefined ? undefined : text,
  )
}

/** A URL without a password in it: passwords belong into a file of their own. */
export function url(protocols: readonly string[] = ['http', 'https']) {
  return parsed(
    `a URL (${protocols.map(each => `${each}://`).join(', ')}) without a password in it`,
    text => {
      const address = URL.parse(text)
      return address !== null && protocols.includes(address.protocol.slice(0, -1)) && address.password === ''
        ? text
        : undefined
    },
  )
}

/** Writes a duration so that `parseDuration` reads it back: `1h30m`, `0s`. */
export function showDuration(value: Duration): string {
  if (value === 0) return '0s'
  let rest = value
  let text = ''
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
    ['ms', 1],
  ] as const) {
    // 24h says more to people than 1d
    if (unit === 'd' && rest < 2 * size) continue
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) text += `${count}${unit}`
  }
  return text
}

/** Writes a size so that `parseByteSize` reads it back: `16MiB`, `1500`. */
export function showByteSize(value: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    const size = sizeUnits[unit] ?? 1
    if (value >= size && value % size === 0) return `${value / size}${unit}`
  }
  return String(value)
}
