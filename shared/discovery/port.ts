import type { AppError } from '../errors/index.ts'
import type { EngineKind } from '../model/engine.ts'

/** One database server as discovery tells of it. A hint: nothing here is proof that it exists, or that it is gone. */
export interface DiscoveredInstance {
  readonly datacenter: string
  readonly namespace: string
  /** Consul's node id; empty where the source has none. */
  readonly nodeId: string
  readonly nodeName: string
  readonly nodeAddress: string
  readonly serviceId: string
  readonly serviceName: string
  /** Where clients connect: the service's address, else the node's. */
  readonly address: string
  /** The engine's usual port where the source names none; 0 when the engine is unknown too. */
  readonly port: number
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  /** From meta `engine`, else from the configured service name; absent is a gap for others to tell. */
  readonly engine?: EngineKind
}

/** How a source is. `failing` says why; what was known before stays (architecture §13). */
export type SourceHealth = { readonly kind: 'ok' } | { readonly kind: 'failing'; readonly error: AppError }

/** A part of a source; what is absent means every one. */
export interface SourcePart {
  readonly datacenter?: string
  readonly service?: string
}

/**
 * Everything a source knows now. What is not in it may be read as gone (a tombstone) only outside of `unsure`; in
 * there stand the last known instances, or fewer where the source never answered.
 */
export interface DiscoverySnapshot {
  /** `consul`, `static-file`. */
  readonly source: string
  readonly instances: readonly DiscoveredInstance[]
  readonly health: SourceHealth
  /** Parts whose absence says nothing now; when absent: none if health is `ok`, else the whole source. */
  readonly unsure?: readonly SourcePart[]
}

/** Whether a snapshot may be believed about an instance's absence. */
export function isSure(
  { health, unsure }: Pick<DiscoverySnapshot, 'health' | 'unsure'>,
  { datacenter, service }: { readonly datacenter: string; readonly service: string },
): boolean {
  return !(unsure ?? (health.kind === 'ok' ? [] : [{}])).some(
    part => (part.datacenter ?? datacenter) === datacenter && (part.service ?? service) === service,
  )
}

/** A stream of hints about which instances there are. */
export interface Discovery {
  readonly source: string
  /**
   * Calls `onSnapshot` whenever instances or health changed, one call at a time, until aborted; then resolves.
   * Never rejects for what the source does: that is health. What `onSnapshot` throws is logged and dropped.
   */
  watch(onSnapshot: (snapshot: DiscoverySnapshot) => void, signal: AbortSignal): Promise<void>
}

/** What makes an instance the same one: datacenter, namespace, node, service id (architecture §3). */
export function instanceKey(instance: DiscoveredInstance): string {
  const node = instance.nodeId === '' ? instance.nodeName : instance.nodeId
  return [instance.datacenter, instance.namespace, node, instance.serviceId].map(encodeURIComponent).join('/')
}
