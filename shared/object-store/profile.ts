import type { DestinationProfile } from '../model/destination.ts'
import type { ObjectStoreCapabilities } from './port.ts'

const mebibyte = 1024 * 1024

/** What a kind of S3 store can do and wants, as data. */
export interface S3Profile extends ObjectStoreCapabilities {
  /** Send `x-amz-checksum-sha256` with its algorithm; stores that do not know it refuse or ignore it. */
  readonly checksums: boolean
}

const s3 = { minPartSize: 5 * mebibyte, maxPartSize: 5 * 1024 * mebibyte }

/**
 * The profiles of S3 stores. `generic` takes the least of all: some allow 1,000 parts only, some refuse or
 * ignore `If-None-Match` and checksum headers. Parts are always of equal size, as R2 wants them.
 */
export const s3Profiles: Readonly<Record<Exclude<DestinationProfile, 'directory'>, S3Profile>> = {
  aws: { ...s3, maxParts: 10_000, conditionalPut: true, checksums: true },
  // Verifies the checksum only when the algorithm is named as well (tried with 20.2).
  ceph: { ...s3, maxParts: 10_000, conditionalPut: true, checksums: true },
  generic: { ...s3, maxParts: 1_000, conditionalPut: false, checksums: false },
}
