import { createHash } from 'node:crypto'

/** Objects up to this size are kept with their bytes (manifests, journals); larger ones are counted and dropped. */
export const keptBytes = 1 << 20

/** An object of the sink; without `bytes` it was too large to be kept. */
export interface SinkObject {
  readonly size: number
  readonly etag: string
  readonly modifiedAt: Date
  readonly bytes?: Buffer
  /** Checksum headers it is told with, by their names. */
  readonly checksums: Readonly<Record<string, string>>
}

/** A part that came in; its bytes are gone. */
export interface SinkPart {
  readonly size: number
  readonly etag: string
  readonly checksums: Readonly<Record<string, string>>
}

/** A multipart upload that is open. */
export interface SinkUpload {
  readonly id: string
  readonly bucket: string
  readonly key: string
  readonly startedAt: Date
  readonly parts: Map<number, SinkPart>
}

/** What `GET /-/sink` tells. */
export interface SinkCounts {
  readonly requests: number
  /** Bytes of bodies received, protocol framing not counted. */
  readonly bytes: number
  readonly parts: number
  readonly openUploads: number
  readonly objects: number
  readonly connections: number
  /** The most connections at one time. */
  readonly peakConnections: number
}

/** Why a multipart upload cannot be completed, by S3's names. */
export type CompleteRefusal = 'InvalidPart' | 'InvalidPartOrder' | 'EntityTooSmall' | 'MalformedXML'

const smallestPart = 5 << 20

/**
 * Makes the object of an upload's parts by S3's rules: those named, in ascending order, all but the last of
 * 5 MiB or more, each with the tag it was answered with.
 */
export function complete(
  upload: SinkUpload,
  named: readonly { readonly number: number; readonly etag: string }[],
): SinkObject | CompleteRefusal {
  if (named.length === 0) return 'MalformedXML'
  const parts: SinkPart[] = []
  for (const [index, { number, etag }] of named.entries()) {
    const before = named[index - 1]
    if (before !== undefined && before.number >= number) return 'InvalidPartOrder'
    const part = upload.parts.get(number)
    if (part === undefined || part.etag !== etag) return 'InvalidPart'
    if (part.size < smallestPart && index < named.length - 1) return 'EntityTooSmall'
    parts.push(part)
  }
  return {
    size: parts.reduce((sum, part) => sum + part.size, 0),
    etag: `${createHash('md5')
      .update(parts.map(part => part.etag).join())
      .digest('hex')}-${parts.length}`,
    modifiedAt: new Date(),
    checksums: composite(parts),
  }
}

/** S3's checksum of checksums, where every part came with a SHA-256. */
function composite(parts: readonly SinkPart[]): Record<string, string> {
  const hash = createHash('sha256')
  for (const { checksums } of parts) {
    const sum = checksums['x-amz-checksum-sha256']
    if (sum === undefined) return {}
    hash.update(Buffer.from(sum, 'base64'))
  }
  return {
    'x-amz-checksum-sha256': `${hash.digest('base64')}-${parts.length}`,
    'x-amz-checksum-type': 'COMPOSITE',
  }
}
