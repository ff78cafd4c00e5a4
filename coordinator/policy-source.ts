import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { type Clock, systemClock } from '../shared/clock/index.ts'
import { type ConsulKeyOptions, watchConsulKey } from '../shared/discovery/index.ts'
import { AppError } from '../shared/errors/index.ts'
import { readSecret } from '../shared/secrets/index.ts'
import type { Duration } from '../shared/time/index.ts'
import { consulTlsOf, type discoverySchema } from './discovery-config.ts'
import type { watchedPolicies } from './policy-document.ts'

/** What a watched place holds. Only `missing` says that nothing is there. */
export type PolicyView =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failing'; readonly error: AppError }

/** A place where policies are kept and watched. */
export interface PolicySource {
  readonly home: 'file' | 'consul'
  /** The file, or the key, as messages name it. */
  readonly where: string
  /** Tells what is there, and again when it may be another; resolves when aborted. */
  watch(onView: (view: PolicyView) => void, signal: AbortSignal): Promise<void>
}

/** Policies in a key of Consul's KV store. */
export function consulPolicySource(options: ConsulKeyOptions): PolicySource {
  return {
    home: 'consul',
    where: `consul key ${options.key}`,
    watch: (onView, signal) => watchConsulKey(options, onView, signal),
  }
}

/** Policies in a file, looked at every `interval` (2 s): it is small, its text tells a change more surely than its times do. */
export function filePolicySource(
  path: string,
  { interval = 2_000, clock = systemClock }: { readonly interval?: Duration; readonly clock?: Clock } = {},
): PolicySource {
  return {
    home: 'file',
    where: path,
    watch: async (onView, signal) => {
      while (!signal.aborted) {
        onView(await look(path))
        await clock.sleep(interval, signal).catch(() => undefined)
      }
    },
  }
}

async function look(path: string): Promise<PolicyView> {
  try {
    return { kind: 'value', text: await readFile(path, 'utf8') }
  } catch (thrown) {
    const reason = (thrown as NodeJS.ErrnoException).code ?? String(thrown)
    if (reason === 'ENOENT') return { kind: 'missing' }
    const message = `the file of policies ${path} cannot be read: ${reason}`
    return {
      kind: 'failing',
      error: new AppError('config.unreadable', { message, context: { file: path, reason }, cause: thrown }),
    }
  }
}

/** The place that is configured; where nothing else is said, Consul is the one of discovery. */
export function policySourceOf(
  { file, consul }: z.infer<typeof watchedPolicies>,
  discovery: z.infer<typeof discoverySchema>,
): PolicySource | undefined {
  if (file !== undefined) return filePolicySource(file)
  if (consul === undefined) return undefined
  const { key, datacenter } = consul
  const own = consul.address !== undefined
  const tokenFile = consul.token_file ?? (own ? undefined : discovery.consul?.token_file)
  const tls = consul.tls ?? (own ? undefined : discovery.consul?.tls)
  return consulPolicySource({
    key,
    address: consul.address ?? discovery.consul?.address ?? 'http://127.0.0.1:8500',
    ...(datacenter === undefined ? {} : { datacenter }),
    ...(tls === undefined ? {} : { tls: consulTlsOf(tls) }),
    ...(tokenFile === undefined ? {} : { token: () => readSecret(tokenFile) }),
  })
}
