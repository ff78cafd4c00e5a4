import { createHash } from 'node:crypto'
import type { ChecksumMode } from '../model/destination.ts'
import { crc32c, crc64nvme, joinCrc32c, joinCrc64nvme } from './crc.ts'
import type { PartReceipt } from './port.ts'

/** A checksum that is sent: every mode but `none`. */
export type SentChecksum = Exclude<ChecksumMode, 'none'>

/** Over bytes whose SHA-256 is known (hex), base64 as S3's headers have it. */
export function checksumOf(mode: SentChecksum, bytes: Uint8Array, sha256: string): string {
  switch (mode) {
    case 'sha256':
      return base64(sha256)
    case 'crc32c':
      return crc32c(bytes).toString('base64')
    case 'crc64nvme':
      return crc64nvme(bytes).toString('base64')
  }
}

/** What a receipt keeps of it: nothing for SHA-256, which every receipt has. */
export function receiptChecksum(mode: ChecksumMode, value: string | undefined): string | undefined {
  return mode === 'none' || mode === 'sha256' || value === undefined ? undefined : `${mode}:${value}`
}

/** The checksum a part was sent with, base64; undefined when it was another kind. */
export function checksumOfPart(mode: SentChecksum, part: PartReceipt): string | undefined {
  if (mode === 'sha256') return base64(part.sha256)
  return part.checksum?.startsWith(`${mode}:`) ? part.checksum.slice(mode.length + 1) : undefined
}

/** The checksums a store may tell of one object, base64. */
export interface ObjectChecksums {
  /** Over the checksums of its parts, with their number: SHA-256 and CRC32C have it. */
  readonly composite?: string
  /** Over all its bytes: the CRCs have it, since it can be made from those of the parts. */
  readonly full?: string
}

/** What may be told of an object made of these parts; empty when a part was sent with another kind. */
export function checksumsOfObject(mode: SentChecksum, parts: readonly PartReceipt[]): ObjectChecksums {
  const sums: Buffer[] = []
  for (const part of parts) {
    const sum = checksumOfPart(mode, part)
    if (sum === undefined) return {}
    sums.push(Buffer.from(sum, 'base64'))
  }
  const crcs = parts.map(({ size }, index) => ({ size, crc: sums[index] ?? Buffer.alloc(8) }))
  const composite = (sum: Buffer) => `${sum.toString('base64')}-${parts.length}`
  switch (mode) {
    case 'sha256':
      return { composite: composite(createHash('sha256').update(Buffer.concat(sums)).digest()) }
    case 'crc32c':
      return {
        composite: composite(crc32c(Buffer.concat(sums))),
        full: joinCrc32c(crcs).toString('base64'),
      }
    case 'crc64nvme':
      return { full: joinCrc64nvme(crcs).toString('base64') }
  }
}

/**
 * Whether the checksum a store tells of an object is the one its parts make; undefined when the two cannot be
 * compared. Ceph tells a full CRC32C whatever was asked, some stores leave the number of parts off.
 */
export function sameChecksum(
  ours: ObjectChecksums,
  told: { readonly value: string; readonly type?: string | undefined },
): boolean | undefined {
  const bare = (text: string) => text.replace(/-\d+$/, '')
  const isComposite = ours.composite !== undefined && bare(ours.composite) === bare(told.value)
  const isFull = ours.full !== undefined && ours.full === told.value
  if (isComposite || isFull) return true
  const type = told.type ?? (/-\d+$/.test(told.value) ? 'COMPOSITE' : undefined)
  if (type === 'COMPOSITE') return ours.composite === undefined ? undefined : false
  if (type === 'FULL_OBJECT') return ours.full === undefined ? undefined : false
  return ours.composite === undefined && ours.full === undefined ? undefined : false
}

/** A hash as S3's headers have it. */
export function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
