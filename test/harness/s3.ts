import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3'

import { askBroker } from './broker-client.ts'
import { freePorts } from './free-port.ts'
import { servicesFolder } from './project-root.ts'
import { provision } from './provision.ts'
import { run } from './run.ts'
import { s3Account, s3Client } from './s3-client.ts'
import { clusterIn } from './s3-cluster.ts'
import { clusterPorts, copySparse, s3Template } from './s3-template.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** `dedicated`: a server of one's own, which may be killed; otherwise the one that the whole test run shares. */
export interface S3Options {
  readonly dedicated?: boolean
}

/** A real S3 server (Ceph's radosgw) on 127.0.0.1. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Whether other test files use it too. */
  readonly shared: boolean
  /** Variables that make the AWS tools and SDKs of a child process use this server. */
  readonly environment: Readonly<Record<string, string>>
  /** Creates a bucket, of a unique name if none is given, and returns its name. */
  createBucket(name?: string): Promise<string>
  /** Makes a bucket with versioning and Object Lock and returns its name. */
  createLockedBucket(): Promise<string>
  /** The server's client; it is destroyed with the server. */
  client(): S3Client
  /** Kills radosgw by a signal; dedicated servers only. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts radosgw again; dedicated servers only. */
  restart(): Promise<void>
  /** Ends a dedicated server and removes its data; a shared one stays. */
  stop(): Promise<void>
}

/**
 * An S3 server: the one shared by the run of vitest, started at its first use, else one of one's own (three to six seconds;
 * twenty more at the very first, to prepare the template). Throws with the servers' output when it does not come up.
 */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  if (!options.dedicated) {
    const shared = await askBroker<{ endpoint: string }>('/s3')
    if (shared !== undefined) return describe(shared.endpoint, { shared: true })
  }
  return await startDedicated()
}

async function startDedicated(): Promise<S3Server> {
  const found = await provision('s3')
  if (!found.available) throw new Error(`no S3 server for this test: ${found.reason}`)
  const { root = '' } = found
  const template = await s3Template(root)
  const scratch = await temporaryFolder('s3')
  const folder = join(scratch.path, 'ceph')
  const port = await freePorts(clusterPorts)
  const cluster = clusterIn(root, folder, port)
  const stop = async () => {
    await cluster.kill()
    await scratch.remove()
  }
  try {
    await copySparse(template, folder)
    await mkdir(join(folder, 'run'))
    await run(join(servicesFolder, 'ceph'), ['move', root, folder, String(port)])
    for (const part of ['mon', 'osd', 'rgw'] as const) await cluster.start(part)
    await cluster.ready()
  } catch (error) {
    await stop()
    throw error
  }
  return describe(cluster.endpoint, {
    shared: false,
    stop,
    kill: async signal => {
      const gateway = cluster.parts.get('rgw')
      gateway?.signal(signal)
      await gateway?.exited
    },
    restart: async () => {
      await cluster.parts.get('rgw')?.stop('SIGKILL')
      await cluster.start('rgw')
      await cluster.ready()
    },
  })
}

interface Control {
  readonly shared: boolean
  stop?(): Promise<void>
  kill?(signal: NodeJS.Signals): Promise<void>
  restart?(): Promise<void>
}

function describe(endpoint: string, control: Control): S3Server {
  let client: S3Client | undefined
  const ownClient = () => {
    client ??= s3Client(endpoint)
    return client
  }
  const refuse = async () => {
    throw new Error('the shared S3 server belongs to other tests too; ask for startS3({ dedicated: true })')
  }
  const stop = async () => {
    client?.destroy()
    await control.stop?.()
  }
  return {
    endpoint,
    ...s3Account,
    shared: control.shared,
    environment: {
      AWS_ACCESS_KEY_ID: s3Account.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Account.secretAccessKey,
      AWS_REGION: s3Account.region,
      AWS_ENDPOINT_URL_S3: endpoint,
    },
    createBucket: async name => {
      const bucket = name ?? `test-${randomBytes(6).toString('hex')}`
      await ownClient().send(new CreateBucketCommand({ Bucket: bucket }))
      return bucket
    },
    createLockedBucket: async () => {
      const bucket = `test-${randomBytes(6).toString('hex')}`
      await ownClient().send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
      return bucket
    },
    client: ownClient,
    kill: control.kill ?? refuse,
    restart: control.restart ?? refuse,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
