import { createHash } from 'node:crypto'
import { isId } from '../../shared/model/identifiers.ts'
import { type Manifest, manifestSchema } from '../../shared/model/manifest.ts'

/** A manifest that was read back, checked and found to be the one expected (J5). */
export interface CheckedManifest {
  readonly manifest: Manifest
  readonly sha256: string
  /** Key whose signature was found good; absent without one. */
  readonly signedBy?: string
}

/** What a manifest must say of itself to count for an attempt. */
export interface ExpectedManifest {
  readonly attemptId: string
  readonly jobId: string
  readonly epoch: number
  readonly agentId: string
  readonly scope: 'database' | 'cluster'
  readonly clusterId: string
  /** Absent for a cluster's globals. */
  readonly databaseId?: string
}

/** A backup of 10,000 parts is under 2 MB of manifest. */
export const largestManifest = 6 << 20

/** The format version this program reads. */
const readsUpTo = 1

/** Whether a manifest says that it is of a later format version: then nothing else of it is looked at. */
export function isNewerManifest(bytes: Uint8Array): boolean {
  try {
    return newerVersion(JSON.parse(new TextDecoder().decode(bytes))) !== undefined
  } catch {
    return false
  }
}

function newerVersion(json: unknown): number | undefined {
  const { format, version } = (json ?? {}) as { readonly format?: unknown; readonly version?: unknown }
  return format === 'holdfast.backup' && typeof version === 'number' && version > readsUpTo
    ? version
    : undefined
}

/** Reads and checks a manifest's bytes. A text says what is wrong with them. */
export function readManifest(bytes: Uint8Array): CheckedManifest | string {
  if (bytes.byteLength === 0) return 'the manifest is empty'
  if (bytes.byteLength > largestManifest) return 'the manifest is too large'
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return 'the manifest is no JSON'
  }
  const newer = newerVersion(json)
  if (newer !== undefined)
    return `the manifest has format version ${newer}; this coordinator reads up to ${readsUpTo}`
  const parsed = manifestSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return `the manifest does not fit its schema: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`
  }
  if (!isId('backup', parsed.data.backup_id)) return 'backup_id is no backup id'
  const sums = sumOf(parsed.data)
  if (sums !== undefined) return sums
  return { manifest: parsed.data, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Compares a manifest with what the attempt was to make; a text names the first thing that differs. */
export function differs(manifest: Manifest, expected: ExpectedManifest): string | undefined {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['attempt_id', manifest.attempt_id, expected.attemptId],
    ['job_id', manifest.job_id, expected.jobId],
    ['epoch', manifest.epoch, expected.epoch],
    ['agent.id', manifest.agent.id, expected.agentId],
    ['scope', manifest.scope, expected.scope],
    ['cluster.id', manifest.cluster.id, expected.clusterId],
    ...(expected.databaseId === undefined
      ? []
      : [['databases[0].id', manifest.databases[0]?.id, expected.databaseId] as const]),
  ]
  const wrong = pairs.find(([, is, should]) => is !== should)
  return wrong === undefined ? undefined : `${wrong[0]} is not the one of the attempt`
}

/** Sizes of parts, objects and streams must add up: a manifest that contradicts itself protects nothing. */
function sumOf(manifest: Manifest): string | undefined {
  let stored = 0n
  let raw = 0n
  for (const stream of manifest.streams) {
    let ofStream = 0n
    for (const object of stream.objects) {
      const parts = object.parts.reduce((sum, part) => sum + BigInt(part.size), 0n)
      if (parts !== BigInt(object.size)) return `the parts of ${object.key} do not add up`
      ofStream += parts
    }
    if (ofStream !== BigInt(stream.stored_bytes)) return `the objects of stream ${stream.name} do not add up`
    stored += ofStream
    raw += BigInt(stream.raw_bytes)
  }
  if (stored !== BigInt(manifest.stored_bytes)) return 'the streams do not add up to stored_bytes'
  return raw === BigInt(manifest.raw_bytes) ? undefined : 'the streams do not add up to raw_bytes'
}
