import { describe, expect, it } from 'vitest'
import type { Destination } from '../../../shared/model/destination.ts'
import { destinationFromWire, destinationToWire } from '../../../shared/wire/destination.ts'
import { Destination as WireDestination } from '../../../shared/wire/gen/holdfast/v1/common.ts'

const whole: Destination = {
  name: 'main',
  url: 's3://backups/prod',
  endpoint: 'https://s3.example.com',
  region: 'eu-central-1',
  profile: 'aws',
  settings: {
    checksum: 'crc32c',
    storageClass: 'STANDARD_IA',
    encryption: 'sse-kms',
    kmsKeyId: 'alias/backups',
    bucketOwner: '123456789012',
    tags: [{ name: 'team', value: 'data' }],
    objectLock: { mode: 'compliance', days: 30 },
  },
}

describe('a destination on the wire', () => {
  it('arrives as it was sent, with settings and without', () => {
    for (const destination of [whole, { name: 'd', url: 'file:///x', profile: 'directory' } as const]) {
      const bytes = WireDestination.encode(destinationToWire(destination)).finish()
      expect(destinationFromWire(WireDestination.decode(bytes))).toEqual(destination)
    }
  })

  it.each([
    ['profile', { profile: 'nimbus' }],
    ['checksum', { checksum: 'md5' }],
    ['encryption', { encryption: 'rot13' }],
    ['object_lock_mode', { objectLockMode: 'polite' }],
  ])('of an unknown %s is refused: to drop it would be a success that is none', (word, change) => {
    expect(() => destinationFromWire({ ...destinationToWire(whole), ...change })).toThrow(word)
  })

  it('of an older coordinator has no settings and a careful profile', () => {
    const old = WireDestination.decode(
      WireDestination.encode({
        ...destinationToWire({ name: 'm', url: 's3://b', profile: 'aws' }),
        profile: '',
      }).finish(),
    )
    expect(destinationFromWire(old)).toEqual({ name: 'm', url: 's3://b', profile: 'generic' })
  })
})
