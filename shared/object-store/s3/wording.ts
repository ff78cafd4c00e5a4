import type { ChecksumMode, DestinationSettings, LockMode } from '../../model/destination.ts'

/** How S3 spells what a destination asks for: the one place that knows both words. */

/** The checksum of a body, and its algorithm, without which Ceph does not look at it. */
export function checksumInput(mode: ChecksumMode, value: string | undefined) {
  switch (mode) {
    case 'sha256':
      return { ChecksumAlgorithm: 'SHA256' as const, ...checksumValue(mode, value) }
    case 'crc32c':
      return { ChecksumAlgorithm: 'CRC32C' as const, ...checksumValue(mode, value) }
    case 'crc64nvme':
      return { ChecksumAlgorithm: 'CRC64NVME' as const, ...checksumValue(mode, value) }
    case 'none':
      return {}
  }
}

/** Of a multipart upload: CRC64NVME has no composite form. */
export function uploadChecksumInput(mode: ChecksumMode) {
  return {
    ...checksumInput(mode, undefined),
    ...(mode === 'crc64nvme' ? { ChecksumType: 'FULL_OBJECT' as const } : {}),
  }
}

/** The value alone, as parts of a Complete have it. */
export function checksumValue(mode: ChecksumMode, value: string | undefined) {
  if (value === undefined) return {}
  switch (mode) {
    case 'sha256':
      return { ChecksumSHA256: value }
    case 'crc32c':
      return { ChecksumCRC32C: value }
    case 'crc64nvme':
      return { ChecksumCRC64NVME: value }
    case 'none':
      return {}
  }
}

/** The checksum a reply tells, if it tells one. */
export function checksumIn(
  mode: ChecksumMode,
  reply: {
    readonly ChecksumSHA256?: string | undefined
    readonly ChecksumCRC32C?: string | undefined
    readonly ChecksumCRC64NVME?: string | undefined
  },
): string | undefined {
  switch (mode) {
    case 'sha256':
      return reply.ChecksumSHA256
    case 'crc32c':
      return reply.ChecksumCRC32C
    case 'crc64nvme':
      return reply.ChecksumCRC64NVME
    case 'none':
      return undefined
  }
}

/** Encryption and tags of a new object; `data` also has the storage class. */
export function keepingInput(settings: DestinationSettings, what: 'data' | 'other') {
  const { storageClass, encryption, kmsKeyId, tags } = settings
  return {
    ...(what === 'data' && storageClass !== undefined
      ? // the SDK's list of classes is AWS's; other stores have others
        { StorageClass: storageClass as 'STANDARD' }
      : {}),
    ...(encryption === undefined
      ? {}
      : {
          ServerSideEncryption: encryption === 'sse-kms' ? ('aws:kms' as const) : ('AES256' as const),
          ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
        }),
    ...(tags === undefined || tags.length === 0
      ? {}
      : {
          Tagging: tags
            .map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
            .join('&'),
        }),
  }
}

/** A lock mode. */
export function lockModeInput(mode: LockMode): 'GOVERNANCE' | 'COMPLIANCE' {
  return mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE'
}
