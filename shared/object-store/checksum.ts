import { createHash } from 'node:crypto'
import type { ChecksumMode } from '../model/destination.ts'
import { crc32c, crc64nvme, joinCrc64nvme } from './crc.ts'
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

/**
 * The checksum a store tells of an object made of these parts: over the parts' checksums and with their
 * number for SHA-256 and CRC32C (composite), over all bytes for CRC64NVME, which has no composite form.
 * Undefined when a part was sent with another kind.
 */
export function checksumOfObject(mode: SentChecksum, parts: readonly PartReceipt[]): string | undefined {
  const sums: Buffer[] = []
  for (const part of parts) {
    const sum = checksumOfPart(mode, part)
    if (sum === undefined) return undefined
    sums.push(Buffer.from(sum, 'base64'))
  }
  if (mode === 'crc64nvme')
    return joinCrc64nvme(
      parts.map(({ size }, index) => ({ size, crc: sums[index] ?? Buffer.alloc(8) })),
    ).toString('base64')
  const joined = Buffer.concat(sums)
  const sum = mode === 'sha256' ? createHash('sha256').update(joined).digest() : crc32c(joined)
  return `${sum.toString('base64')}-${parts.length}`
}

/** A hash as S3's headers have it. */
export function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
