import type { ChecksumMode, DestinationProfile } from '../model/destination.ts'
import type { ObjectStoreCapabilities } from './port.ts'

const mebibyte = 1024 * 1024

/** A setting of a destination by its configuration key. */
export type SettingKey =
  | 'checksum'
  | 'storage_class'
  | 'encryption'
  | 'kms_key_id'
  | 'bucket_owner'
  | 'tags'
  | 'object_lock'

/** What a kind of S3 store can do and wants, as data; a destination's own settings stand above it. */
export interface S3Profile extends ObjectStoreCapabilities {
  /** Checksums the store is known to take; another one is refused in a configuration. */
  readonly checksums: readonly ChecksumMode[]
  /** Storage classes from which an object can be read at once; absent: not known, any name is taken. */
  readonly storageClasses?: readonly string[]
  /** Settings that are known not to work, and why; what is not listed may be tried, `doctor` tells. */
  readonly refuses: Readonly<Partial<Record<SettingKey | 'sse-s3' | 'sse-kms', string>>>
  /** For the reference page. */
  readonly title: string
  readonly notes: readonly string[]
}

const s3 = {
  minPartSize: 5 * mebibyte,
  maxPartSize: 5 * 1024 * mebibyte,
  equalParts: false,
  objectLock: true,
}
const allChecksums: readonly ChecksumMode[] = ['sha256', 'crc32c', 'crc64nvme', 'none']

/**
 * The profiles of S3 stores, each from the vendor's own words where there are any:
 *
 * - aws: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html (10,000 parts, 5 MiB to 5 GiB),
 *   …/checking-object-integrity-upload.html (SHA-256 composite, CRC64NVME full object only)
 * - minio: its page "Thresholds and Limits" (10,000 parts) and minio/docs #1216 (listing uploads wants the exact key, lifecycle
 *   does not abort uploads); conditional PUT since 2023, answered 304 before minio/minio #19442 was mended
 * - ceph: tried with 20.2 (verifies a checksum only when its algorithm is named; FULL_OBJECT comes back as COMPOSITE)
 * - r2: developers.cloudflare.com/r2/api/s3/api (checksum table, storage classes, what is not implemented) and
 *   /r2/platform/limits; parts but the last must be of equal size: apache/arrow #34363
 * - b2: refuses every `x-amz-checksum-*` and `x-amz-sdk-checksum-algorithm` header with 400 (home-assistant/core #143995,
 *   iterate-ch/cyberduck #16107), wants Content-MD5 under Object Lock (zmanda/amanda #275); SSE-B2 is AES256
 * - scaleway: scaleway/docs-content, pages/object-storage: multipart-uploads (1,000 parts, 5 MB to 5 GB), supported-checksums,
 *   using-conditional-writes (2026-07), enable-sse-kms
 *
 * `generic` takes the least of all.
 */
export const s3Profiles: Readonly<Record<Exclude<DestinationProfile, 'directory'>, S3Profile>> = {
  aws: {
    ...s3,
    title: 'Amazon S3',
    maxParts: 10_000,
    checksum: 'sha256',
    checksums: allChecksums,
    conditionalPut: true,
    // the cold ones cannot be read at once; Express One Zone and Outposts are kinds of buckets of their own
    storageClasses: [
      ...['STANDARD', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR'],
      'REDUCED_REDUNDANCY',
    ],
    refuses: {},
    notes: ['SSE-KMS: a multipart upload needs `kms:GenerateDataKey` and `kms:Decrypt` on the key.'],
  },
  minio: {
    ...s3,
    title: 'MinIO',
    maxParts: 10_000,
    checksum: 'sha256',
    checksums: allChecksums,
    conditionalPut: true,
    storageClasses: ['STANDARD', 'REDUCED_REDUNDANCY'],
    refuses: {},
    notes: [
      'Lists open uploads by the exact key only, and its lifecycle rules do not abort them; the server itself drops stale ones.',
      'SSE needs a key service (KES) on the server.',
    ],
  },
  ceph: {
    ...s3,
    title: 'Ceph RADOS Gateway',
    maxParts: 10_000,
    checksum: 'sha256',
    // a full-object CRC64NVME comes back as a composite one
    checksums: ['sha256', 'crc32c', 'none'],
    conditionalPut: true,
    refuses: {},
    notes: [
      'Verifies checksums from 20 on, as tried; 18 ignores them: `doctor` says what yours does. Tells a full-object CRC32C, whatever was asked.',
    ],
  },
  r2: {
    ...s3,
    title: 'Cloudflare R2',
    maxParts: 10_000,
    maxPartSize: 5 * 1024 * mebibyte - 5 * mebibyte,
    equalParts: true,
    objectLock: false,
    checksum: 'sha256',
    checksums: allChecksums,
    conditionalPut: true,
    storageClasses: ['STANDARD', 'STANDARD_IA'],
    refuses: {
      encryption: 'R2 always encrypts and does not take `x-amz-server-side-encryption`',
      bucket_owner: 'R2 does not take `x-amz-expected-bucket-owner`',
      tags: 'R2 has no object tags',
      object_lock: 'R2 has bucket lock rules instead of Object Lock; set them on the bucket',
    },
    notes: [
      'Region `auto`. All parts of an upload but the last must be of equal size; Holdfast’s always are.',
    ],
  },
  b2: {
    ...s3,
    title: 'Backblaze B2',
    maxParts: 10_000,
    checksum: 'none',
    checksums: ['none'],
    conditionalPut: false,
    storageClasses: ['STANDARD'],
    refuses: {
      'sse-kms': 'B2 has SSE-B2 (`sse-s3`) only',
      tags: 'B2 has no object tags',
    },
    notes: [
      'Refuses checksum headers: bodies are signed with their SHA-256, and under Object Lock carry Content-MD5.',
    ],
  },
  scaleway: {
    ...s3,
    title: 'Scaleway Object Storage',
    maxParts: 1_000,
    checksum: 'sha256',
    checksums: allChecksums,
    conditionalPut: true,
    storageClasses: ['STANDARD', 'ONEZONE_IA'],
    refuses: {
      'sse-s3': 'Scaleway’s SSE-ONE is switched on for a bucket, not asked for with each object',
    },
    notes: ['At most 1,000 parts an object: large streams roll to further objects.'],
  },
  generic: {
    ...s3,
    title: 'Any other S3 store',
    maxParts: 1_000,
    equalParts: true,
    checksum: 'none',
    checksums: allChecksums,
    conditionalPut: false,
    refuses: {},
    notes: [
      'Takes the least of all. `doctor` says what your store can do, and suggests a profile and a checksum.',
    ],
  },
}
