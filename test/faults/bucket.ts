import type { Manifest } from '../../shared/model/manifest.ts'
import { type ObjectStore, objectKey, openObjectStore } from '../../shared/object-store/index.ts'
import { manifestPrefix } from '../../shared/object-store/keys.ts'
import type { S3Server } from '../harness/index.ts'
import { readManifestStrictly } from '../harness/manifest-schema.ts'

/** Everything that lies in a destination, as its owner would see it by hand. */
export interface BucketContent {
  /** Keys of objects that are no manifests. */
  readonly data: readonly string[]
  readonly manifests: ReadonlyMap<string, { readonly bytes: Buffer; readonly manifest: Manifest }>
  /** Keys of open multipart uploads. */
  readonly uploads: readonly string[]
}

/** Opens a destination behind every proxy's back. */
export function bucketStore(url: string, s3?: S3Server): ObjectStore {
  return s3 === undefined
    ? openObjectStore({ url, profile: 'directory' })
    : openObjectStore(
        { url, endpoint: s3.endpoint, region: s3.region, profile: 'ceph' },
        { credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey } },
      )
}

export async function contentOf(store: ObjectStore): Promise<BucketContent> {
  const data: string[] = []
  const manifests = new Map<string, { bytes: Buffer; manifest: Manifest }>()
  for await (const { key } of store.list('')) {
    if (!key.startsWith(manifestPrefix)) data.push(key)
    else {
      const chunks: Uint8Array[] = []
      for await (const chunk of store.read(objectKey(key))) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      manifests.set(key, { bytes, manifest: readManifestStrictly(bytes) })
    }
  }
  const uploads: string[] = []
  for await (const { key } of store.listUploads('')) uploads.push(key)
  return { data, manifests, uploads }
}

/** Keys of the objects a manifest names. */
export function objectsOf({ streams, census }: Manifest): string[] {
  const keys = streams.flatMap(stream => stream.objects.map(({ key }) => key))
  return census === undefined ? keys : [...keys, census.key]
}
