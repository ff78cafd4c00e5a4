/**
 * A destination: bucket + prefix + region + profile (architecture §2). Holds no secret: credentials stay
 * with agents.
 */
export interface Destination {
  readonly name: string
  /** `s3://bucket/prefix` or `file:///absolute/path`. */
  readonly url: string
  /** S3 endpoint of a foreign store; absent means AWS (or AWS_ENDPOINT_URL_S3). */
  readonly endpoint?: string
  readonly region?: string
  readonly profile: DestinationProfile
  readonly settings?: DestinationSettings
}

/** What is known of a kind of store; `shared/object-store/profile.ts` has it as data, `doctor` tries it. */
export const destinationProfiles = [
  'aws',
  'minio',
  'ceph',
  'r2',
  'b2',
  'scaleway',
  'generic',
  'directory',
] as const
export type DestinationProfile = (typeof destinationProfiles)[number]

/** The checksum sent with every body, so that the store can verify what it received; `none` sends none. */
export const checksumModes = ['sha256', 'crc32c', 'crc64nvme', 'none'] as const
export type ChecksumMode = (typeof checksumModes)[number]

/** Encryption by the store: with its own keys, or with a key of a key management service. */
export const storeEncryptions = ['sse-s3', 'sse-kms'] as const
export type StoreEncryption = (typeof storeEncryptions)[number]

/** Object Lock: `governance` yields to who may bypass it, `compliance` to nobody. */
export const lockModes = ['governance', 'compliance'] as const
export type LockMode = (typeof lockModes)[number]

/** How objects are to be kept at a destination; what is absent is the store's or the profile's default. */
export interface DestinationSettings {
  /** In place of the profile's. */
  readonly checksum?: ChecksumMode
  /** Storage class of data; manifests stay in the default class, since they are read and listed. */
  readonly storageClass?: string
  readonly encryption?: StoreEncryption
  /** Key id or ARN, for `sse-kms`; absent means the store's default key. */
  readonly kmsKeyId?: string
  /** Account that must own the bucket; a bucket of another one is refused by the store. */
  readonly bucketOwner?: string
  /** On every object. */
  readonly tags?: readonly { readonly name: string; readonly value: string }[]
  /** Put on every object of a backup after its commit, never before (architecture §4). */
  readonly objectLock?: { readonly mode: LockMode; readonly days: number }
}
