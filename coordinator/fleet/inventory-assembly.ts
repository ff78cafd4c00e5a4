import type { Failure } from '../../shared/errors/index.ts'
import type { IdentityEvidence } from '../../shared/model/engine.ts'
import type { InstanceId } from '../../shared/model/identifiers.ts'

/** What an agent found out about a server. */
export interface ServerFacts {
  readonly serverVersion: string
  readonly role: 'primary' | 'replica'
  readonly evidence: readonly IdentityEvidence[]
  readonly missingPrivileges: readonly string[]
  /** Of a replica; absent: not told. */
  readonly replicationLagMs?: number
  /** Of a replica that follows now: whom, and what that name resolves to on its host. */
  readonly replicationSource?: {
    readonly host: string
    readonly port: number
    readonly addresses: readonly string[]
  }
  readonly hasGlobals: boolean
}

export interface DatabaseFacts {
  readonly name: string
  readonly sizeBytes: number
  readonly connectable: boolean
  readonly evidence: readonly IdentityEvidence[]
}

/** A chunk as it came. */
export interface InventoryChunk {
  readonly instanceId: InstanceId
  readonly generation: number
  readonly chunk: number
  readonly last: boolean
  readonly facts?: ServerFacts
  readonly databases: readonly DatabaseFacts[]
  readonly failure?: Failure
}

/** One instance's databases, whole. */
export interface Inventory {
  readonly instanceId: InstanceId
  readonly facts?: ServerFacts
  readonly databases: readonly DatabaseFacts[]
  readonly failure?: Failure
}

export type Assembled =
  | { readonly kind: 'whole'; readonly inventory: Inventory }
  | { readonly kind: 'more' }
  | { readonly kind: 'refused'; readonly reason: string }

/** Characters of names and evidence in one chunk; an honest chunk has 50,000 at most. */
const largestChunk = 512 * 1024

interface Partial {
  readonly generation: number
  next: number
  facts?: ServerFacts
  readonly databases: DatabaseFacts[]
}

/**
 * Puts the chunks of one agent's inventories together. A generation counts when its last chunk came; one that
 * misses a chunk, or is overtaken by another, is dropped whole: half a list would read as "the rest is gone".
 */
export class InventoryAssembly {
  readonly #partials = new Map<InstanceId, Partial>()
  readonly #mostDatabases: number

  /** @param mostDatabases a server with more is not a server we know; the limit keeps one agent from filling our memory */
  constructor(mostDatabases: number) {
    this.#mostDatabases = mostDatabases
  }

  take(chunk: InventoryChunk): Assembled {
    if (chunk.failure !== undefined) {
      this.#partials.delete(chunk.instanceId)
      return {
        kind: 'whole',
        inventory: { instanceId: chunk.instanceId, databases: [], failure: chunk.failure },
      }
    }
    const text = chunk.databases.reduce(
      (sum, each) =>
        sum + each.name.length + each.evidence.reduce((n, e) => n + e.kind.length + e.value.length, 0),
      0,
    )
    if (text > largestChunk) return this.#refuse(chunk, 'inventory-chunk-too-large')
    const known = this.#partials.get(chunk.instanceId)
    // chunks are counted from whatever the first one says it is, 0 or 1
    const partial: Partial =
      known !== undefined && known.generation === chunk.generation
        ? known
        : { generation: chunk.generation, next: chunk.chunk, databases: [] }
    if (partial !== known && (chunk.facts === undefined || chunk.chunk > 1))
      return this.#refuse(chunk, 'inventory-begins-in-the-middle')
    if (chunk.chunk !== partial.next) return this.#refuse(chunk, 'inventory-chunk-missing')
    if (partial.databases.length + chunk.databases.length > this.#mostDatabases)
      return this.#refuse(chunk, 'inventory-too-large')
    partial.next++
    if (chunk.facts !== undefined) partial.facts = chunk.facts
    partial.databases.push(...chunk.databases)
    this.#partials.set(chunk.instanceId, partial)
    if (!chunk.last) return { kind: 'more' }
    this.#partials.delete(chunk.instanceId)
    return {
      kind: 'whole',
      inventory: {
        instanceId: chunk.instanceId,
        databases: partial.databases,
        ...(partial.facts === undefined ? {} : { facts: partial.facts }),
      },
    }
  }

  #refuse(chunk: InventoryChunk, reason: string): Assembled {
    this.#partials.delete(chunk.instanceId)
    return { kind: 'refused', reason }
  }
}
