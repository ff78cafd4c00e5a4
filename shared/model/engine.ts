/** The engines, by the name used in Consul meta, CLI, metrics and manifests. */
export const engineKinds = ['postgres', 'mysql', 'mariadb'] as const
export type EngineKind = (typeof engineKinds)[number]

/** Narrows text to an engine. */
export function isEngineKind(text: string): text is EngineKind {
  return (engineKinds as readonly string[]).includes(text)
}

/** How bytes reach the store: straight through, over a private folder of the host, or over it where there is room. */
export const strategies = ['streaming', 'staged', 'auto'] as const
export type Strategy = (typeof strategies)[number]

/** Compression of stored objects; each by its standard tool, named in manifest and suffix. */
export const codecs = ['zstd', 'gzip', 'xz', 'bzip2', 'none'] as const
export type Codec = (typeof codecs)[number]

/** What a stored stream went through, in this order: a codec, then possibly age. Restore undoes it in reverse. */
export const streamCodecs = [...codecs, 'age'] as const
export type StreamCodec = (typeof streamCodecs)[number]

/**
 * Evidence of who a server is (architecture §3): names and engine identities with what they were read from.
 * Never an identifier: a staging clone has production's system identifier.
 */
export interface IdentityEvidence {
  /** `postgres-system-identifier`, `mysql-server-uuid`, `mariadb-server-uid`, `consul-service`, … */
  readonly kind: string
  readonly value: string
}
