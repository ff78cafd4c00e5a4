import { afterAll } from 'vitest'
import type { DestinationProfile } from '../../shared/model/destination.ts'
import { type ObjectStore, openObjectStore } from '../../shared/object-store/index.ts'
import { type FakeS3, type FakeS3Traits, startFakeS3 } from '../harness/index.ts'
import { objectStoreConformance } from './object-store.ts'

const stores: ObjectStore[] = []
const fakes: FakeS3[] = []
afterAll(async () => {
  for (const store of stores) await store.close()
  for (const fake of fakes) await fake.stop()
})

/** The kinds of store that cannot be had here, each as its vendor describes it. */
const kinds: readonly (readonly [DestinationProfile, FakeS3Traits])[] = [
  ['minio', { conditionalPut: 'not-modified', listUploadsByKeyOnly: false }],
  ['r2', { equalParts: true, objectLock: false }],
  ['b2', { checksums: 'refused', conditionalPut: 'ignored' }],
  ['scaleway', { maxParts: 1_000 }],
  ['generic', { checksums: 'ignored', conditionalPut: 'not-implemented', maxParts: 1_000 }],
]

for (const [profile, traits] of kinds)
  objectStoreConformance(`S3 (a fake of what ${profile} says of itself)`, async () => {
    const fake = await startFakeS3(traits)
    fakes.push(fake)
    const store = openObjectStore(
      { url: 's3://bucket/p', endpoint: fake.endpoint, region: fake.region, profile },
      { credentials: fake, retry: { attempts: 3, baseMs: 1, capMs: 5 }, environment: {} },
    )
    stores.push(store)
    return { store, partSize: 1_000 }
  })
