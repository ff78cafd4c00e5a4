import { describe, expect, it } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import type { Destination, DestinationSettings } from '../../../shared/model/destination.ts'
import { destinationProblems, openObjectStore } from '../../../shared/object-store/index.ts'
import { s3Profiles } from '../../../shared/object-store/profile.ts'

function keys(profile: Destination['profile'], settings: DestinationSettings): string[] {
  const url = profile === 'directory' ? 'file:///backups' : 's3://bucket'
  return destinationProblems({ url, profile, settings }).map(({ key }) => key)
}

describe('a destination is refused', () => {
  it.each([
    ['r2', { encryption: 'sse-s3' }, 'encryption'],
    ['r2', { tags: [{ name: 'a', value: 'b' }] }, 'tags'],
    ['r2', { objectLock: { mode: 'compliance', days: 30 } }, 'object_lock'],
    ['r2', { bucketOwner: '123456789012' }, 'bucket_owner'],
    ['r2', { storageClass: 'ONEZONE_IA' }, 'storage_class'],
    ['b2', { checksum: 'sha256' }, 'checksum'],
    ['b2', { encryption: 'sse-kms' }, 'encryption'],
    ['b2', { tags: [] }, 'tags'],
    ['ceph', { checksum: 'crc64nvme' }, 'checksum'],
    ['scaleway', { encryption: 'sse-s3' }, 'encryption'],
    ['aws', { storageClass: 'GLACIER' }, 'storage_class'],
    ['generic', { storageClass: 'DEEP_ARCHIVE' }, 'storage_class'],
    ['aws', { storageClass: 'STANDRAD' }, 'storage_class'],
    ['aws', { kmsKeyId: 'alias/x' }, 'kms_key_id'],
    ['aws', { encryption: 'sse-s3', kmsKeyId: 'alias/x' }, 'kms_key_id'],
    ['aws', { objectLock: { mode: 'governance', days: 0 } }, 'object_lock'],
    ['generic', { objectLock: { mode: 'governance', days: 1 }, checksum: 'none' }, 'checksum'],
    ['aws', { tags: [{ name: 'aws:x', value: '' }] }, 'tags'],
    ['aws', { tags: [{ name: 'a', value: '?' }] }, 'tags'],
    [
      'aws',
      {
        tags: [
          { name: 'a', value: '1' },
          { name: 'a', value: '2' },
        ],
      },
      'tags',
    ],
    ['aws', { tags: Array.from({ length: 11 }, (_, n) => ({ name: `t${n}`, value: '' })) }, 'tags'],
    ['aws', { bucketOwner: 'no spaces' }, 'bucket_owner'],
    ['directory', { storageClass: 'STANDARD' }, 'storage_class'],
  ] as const)('%s with %j: %s', (profile, settings, key) => {
    expect(keys(profile, settings)).toEqual([key])
  })

  it('whose profile and URL do not fit', () => {
    expect(destinationProblems({ url: 's3://bucket', profile: 'directory' })).toHaveLength(1)
    expect(destinationProblems({ url: 'file:///x', profile: 'aws' })).toHaveLength(1)
  })

  it('before anything is opened, with every problem', () => {
    const open = () =>
      openObjectStore({
        url: 's3://bucket',
        profile: 'r2',
        settings: { encryption: 'sse-s3', tags: [{ name: 'a', value: 'b' }] },
      })
    expect(open).toThrow(AppError)
    try {
      open()
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'destination.invalid' })
      expect((thrown as AppError).context['problems']).toHaveLength(2)
    }
  })
})

describe('a destination is taken', () => {
  it.each([
    [
      'aws',
      {
        encryption: 'sse-kms',
        kmsKeyId: 'arn:aws:kms:eu-central-1:123456789012:key/x',
        storageClass: 'STANDARD_IA',
      },
    ],
    [
      'aws',
      { tags: [{ name: 'team', value: 'Grüße & more'.replace('&', '+') }], bucketOwner: '123456789012' },
    ],
    ['b2', { encryption: 'sse-s3', objectLock: { mode: 'compliance', days: 30 } }],
    ['scaleway', { encryption: 'sse-kms', kmsKeyId: 'k', storageClass: 'ONEZONE_IA' }],
    ['generic', { storageClass: 'whatever', objectLock: { mode: 'governance', days: 7 } }],
  ] as const)('%s with %j', (profile, settings) => expect(keys(profile, settings)).toEqual([]))

  it('with each checksum its profile names', () => {
    for (const [name, profile] of Object.entries(s3Profiles)) {
      expect(profile.checksums).toContain(profile.checksum)
      for (const checksum of profile.checksums)
        expect(keys(name as keyof typeof s3Profiles, { checksum })).toEqual([])
    }
  })
})
