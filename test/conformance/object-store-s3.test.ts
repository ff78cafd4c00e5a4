import { afterAll, describe } from 'vitest'
import type { DestinationProfile } from '../../shared/model/destination.ts'
import { type ObjectStore, openObjectStore } from '../../shared/object-store/index.ts'
import { requireServers, startS3 } from '../harness/index.ts'
import { objectStoreConformance, type StoreUnderTest } from './object-store.ts'

const servers = await requireServers('the object store port over S3', 's3')
const stores: ObjectStore[] = []
afterAll(() => Promise.all(stores.map(store => store.close())))

async function open(profile: DestinationProfile, prefix: string): Promise<StoreUnderTest> {
  const s3 = await startS3()
  const bucket = await s3.createBucket()
  const store = openObjectStore(
    { url: `s3://${bucket}${prefix}`, endpoint: s3.endpoint, region: s3.region, profile },
    { credentials: s3, retry: { attempts: 4, baseMs: 20, capMs: 200 } },
  )
  stores.push(store)
  return { store, partSize: 5 * 1024 * 1024 }
}

describe.skipIf(servers.missing)('Ceph', () => {
  objectStoreConformance('S3 (profile ceph, below a prefix)', () => open('ceph', '/team/backups'))
  objectStoreConformance('S3 (profile aws)', () => open('aws', ''))
  objectStoreConformance('S3 (profile generic)', () => open('generic', '/x'))
})
