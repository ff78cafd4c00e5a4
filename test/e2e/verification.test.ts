import { chmod } from 'node:fs/promises'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { expect, test, vi } from 'vitest'
import {
  layStack,
  requireServers,
  type S3Server,
  startPostgres,
  startS3,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'

vi.setConfig({ testTimeout: 240_000 })

const servers = await requireServers('verification, end to end', 'postgres', 's3', 'pv', 'zstd')

interface Verification {
  readonly backup_id: string
  readonly verdict: string
  readonly rows: number
  readonly restore_ms: number
}
interface Database {
  readonly database: {
    readonly last_backup_id: string
    readonly verification?: { readonly good_backup_id: string; readonly restore_ms: number }
  }
}

/** Turns a byte in the middle of what a backup's attempt stored. */
async function doctor(s3: S3Server, bucket: string, attempt: string): Promise<void> {
  const { Contents = [] } = await s3.client().send(new ListObjectsV2Command({ Bucket: bucket }))
  const Key = Contents.find(each => each.Key?.includes(attempt) && each.Key.includes('full'))?.Key
  if (Key === undefined) throw new Error(`nothing of ${attempt} among ${Contents.map(each => each.Key)}`)
  const { Body } = await s3.client().send(new GetObjectCommand({ Bucket: bucket, Key }))
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 0xff
  await s3.client().send(new PutObjectCommand({ Bucket: bucket, Key, Body: bytes }))
}

test.skipIf(servers.missing)(
  'a backup is proven by itself; one whose object was doctored is found bad: the ledger and an alert say so, and the clock runs from the one before',
  async () => {
    await using postgres = await startPostgres()
    await using s3 = await startS3()
    const bucket = await s3.createBucket()
    await postgres.createDatabase('orders')
    await postgres.psql(
      'CREATE TABLE lines AS SELECT i, md5(i::text) FROM generate_series(1, 5000) i',
      'orders',
    )
    await using folder = await temporaryFolder('v')
    // the throw-away server is another user's
    await chmod(folder.path, 0o711)
    const { port, user, passwordFile } = postgres
    await using stack = await layStack({
      s3: { server: s3, bucket },
      agents: [
        {
          name: 'db1',
          logins: [{ engine: 'postgres', port, user, passwordFile, service: 'orders-db' }],
          toolFolders: [postgres.bin],
          verify: { folder: `${folder.path}/v`, ...(process.getuid?.() === 0 ? { user: 'nobody' } : {}) },
        },
      ],
      coordinator: {
        policies: [
          {
            name: 'proven',
            match: { databases: ['orders'] },
            verification: { every: '7d', timeout: '1h' },
          },
          { name: 'others' },
        ],
      },
    })
    await stack.start()
    const verifications = async () =>
      (await stack.ask<{ verifications: Verification[] }>('verification', 'list', '--database', 'orders'))
        .verifications
    const judged = (count: number) =>
      waitUntil(
        async () => {
          const all = await verifications()
          return all.length >= count ? all : undefined
        },
        { what: `verification ${count}`, timeout: 120_000, interval: 250 },
      )
    const database = () => stack.ask<Database>('database', 'get', 'orders')

    const [first] = await judged(1)
    expect(first).toMatchObject({ verdict: 'verified', rows: 5000 })
    expect(await database()).toMatchObject({
      database: { last_backup_id: first?.backup_id, verification: { good_backup_id: first?.backup_id } },
    })
    expect((await stack.look('gap', 'list')).stdout).not.toContain('verification')

    await stack.holdfast('backup', 'start', 'orders', '--wait')
    const { last_backup_id: second } = (await database()).database
    expect(second).not.toBe(first?.backup_id)
    const { backup } = await stack.ask<{ backup: { attempt_id: string } }>('backup', 'get', second)
    await doctor(s3, bucket, backup.attempt_id)
    const asked = await stack.holdfast('backup', 'verify', second, '--wait', '--reason', 'doctored')
    expect(asked.code, asked.stdout + asked.stderr).toBe(1)

    expect((await verifications())[0]).toMatchObject({ backup_id: second, verdict: 'unrestorable' })
    const gaps = await stack.look('gap', 'list')
    expect(gaps.stdout).toContain('verification-failed')
    expect(gaps.code).toBe(1)
    expect((await stack.look('alert', 'list')).stdout).toContain('verification-failed')
    expect((await stack.look('backup', 'get', second)).stdout).toContain('BAD, counts for nothing')
    // the one before counts, and is looked at again by itself
    expect((await database()).database.last_backup_id).toBe(first?.backup_id)
    const [again] = await judged(3)
    expect(again).toMatchObject({ backup_id: first?.backup_id, verdict: 'verified' })
  },
)
