import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'

import { cacheFolder } from './cache-folder.ts'
import { withFileLock } from './file-lock.ts'
import { freePorts } from './free-port.ts'
import { servicesFolder } from './project-root.ts'
import { run } from './run.ts'
import { s3Client } from './s3-client.ts'
import { clusterIn } from './s3-cluster.ts'
import { temporaryFolder } from './temporary-folder.ts'

const script = join(servicesFolder, 'ceph')

/** Ports that a cluster takes: monitor, S3, Vault, and the OSD's range. */
export const clusterPorts = 41

/**
 * The folder of a stopped cluster with its user and pools already made, kept in the cache: copied, it serves S3 in a third of the time.
 * Made at first use (15 s); several processes may ask at once. A changed script or server makes a new one.
 */
export async function s3Template(root: string): Promise<string> {
  const made = await readFile(join(root, '.complete'), 'utf8').catch(() => '')
  const recipe = createHash('sha256')
    .update(await readFile(script))
    .update(root)
    .update(made)
  const path = join(cacheFolder(), `s3-template-${recipe.digest('hex').slice(0, 12)}`)
  if (existsSync(path)) return path
  return await withFileLock(`${path}.lock`, async () => {
    if (!existsSync(path)) await make(root, path)
    return path
  })
}

async function make(root: string, path: string): Promise<void> {
  await using scratch = await temporaryFolder('s3-template')
  const folder = join(scratch.path, 'ceph')
  const port = await freePorts(clusterPorts)
  await run(script, ['init', root, folder, String(port)])
  const cluster = clusterIn(root, folder, port)
  try {
    await cluster.start('mon')
    await run(script, ['osd-init', root, folder])
    await cluster.start('osd')
    await cluster.start('rgw')
    await cluster.ready()
    await run(script, ['user', root, folder])
    await warm(cluster.endpoint)
    await cluster.shutDown()
  } finally {
    await cluster.kill()
  }
  await rm(join(folder, 'run'), { recursive: true })
  const partial = `${path}.partial`
  await rm(partial, { recursive: true, force: true })
  await copySparse(folder, partial)
  await rename(partial, path)
}

/** Copies a folder, keeping the holes of its files (the OSD's file is 16 GiB of almost nothing). */
export async function copySparse(from: string, to: string): Promise<void> {
  await run('cp', ['-a', '--sparse=always', from, to])
}

// The first bucket, object and multipart upload of a fresh cluster take seconds: their pools are made then
async function warm(endpoint: string): Promise<void> {
  const client = s3Client(endpoint)
  const object = { Bucket: 'warm', Key: 'warm' }
  try {
    await client.send(new CreateBucketCommand({ Bucket: 'warm' }))
    await client.send(new PutObjectCommand({ ...object, Body: 'warm' }))
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(object))
    await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }))
    await client.send(new DeleteObjectCommand(object))
    await client.send(new DeleteBucketCommand({ Bucket: 'warm' }))
  } finally {
    client.destroy()
  }
}
