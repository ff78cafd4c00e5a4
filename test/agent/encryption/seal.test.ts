import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  awsKms,
  type EncryptionPlan,
  type KeyContext,
  keyContext,
  openSeal,
  unseal,
} from '../../../agent/encryption/index.ts'
import { createToolFinder } from '../../../agent/process/index.ts'
import type { ManifestEncryption } from '../../../shared/model/manifest.ts'
import {
  type KmsFake,
  requireServers,
  startKms,
  type TemporaryFolder,
  temporaryFolder,
} from '../../harness/index.ts'
import { identityFile } from './identities.ts'

const tools = await requireServers('encryption: keys wrapped by KMS', 'age')

const { signal } = new AbortController()
const finder = createToolFinder()
const bound = keyContext({ cluster: 'orders', database: 'sales "é"', attempt: 'att_1' })
const other = keyContext({ cluster: 'orders', database: 'sales "é"', attempt: 'att_2' })

let kms: KmsFake
let key: string
let folder: TemporaryFolder
beforeAll(async () => {
  kms = await startKms()
  kms.allow('AKIABACKUP', 'Encrypt')
  kms.allow('AKIARESTORE', 'Decrypt')
  folder = await temporaryFolder('seal')
})
afterAll(async () => {
  await kms?.stop()
  await folder?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  key = kms.createKey('backups')
})

const service = (accessKeyId: string, attempts = 4) =>
  awsKms({
    endpoint: kms.endpoint,
    region: kms.region,
    credentials: async () => ({ accessKeyId, secretAccessKey: 'x' }),
    retry: { attempts, baseMs: 1, capMs: 5 },
  })

const seal = (plan: EncryptionPlan, context: KeyContext = bound, accessKeyId = 'AKIABACKUP') =>
  openSeal(plan, context, { tools: finder, signal, keyService: () => service(accessKeyId) })

const open = (
  encryption: ManifestEncryption,
  options: { identityFiles?: readonly string[]; context?: KeyContext; as?: string } = {},
) =>
  unseal(encryption, options.context ?? bound, {
    tools: finder,
    signal,
    scratch: folder.path,
    identityFiles: options.identityFiles ?? [],
    keyService: () => service(options.as ?? 'AKIARESTORE'),
  })

const wrapping = (recipients: readonly string[] = []): EncryptionPlan => ({
  kind: 'aws-kms',
  key: 'alias/backups',
  recipients,
})

async function wrapped(context: KeyContext = bound) {
  const { manifest } = await seal(wrapping(), context)
  if (manifest.kind !== 'aws-kms') throw new Error('not wrapped')
  return manifest
}

describe.skipIf(tools.missing)('a key wrapped by KMS', () => {
  it('is a fresh identity for each backup, bound to it; backing up asks for Encrypt only', async () => {
    const before = kms.calls.length
    const [first, second] = [await wrapped(), await wrapped(other)]
    expect(first.recipient).not.toBe(second.recipient)
    expect(first).toMatchObject({
      key_arn: key,
      recipients: [],
      context: { cluster: 'orders', database: 'sales "é"', attempt: 'att_1' },
    })
    expect(kms.calls.slice(before).map(({ operation, accessKeyId }) => [operation, accessKeyId])).toEqual([
      ['Encrypt', 'AKIABACKUP'],
      ['Encrypt', 'AKIABACKUP'],
    ])
    expect(JSON.stringify(first)).not.toContain('AGE-SECRET-KEY')
    expect(await readdir(folder.path)).toEqual([])
  })

  it('opens for its backup into a 0600 file, which is gone afterwards', async () => {
    const manifest = await wrapped()
    let path: string
    {
      await using opened = await open(manifest)
      path = opened.identities[0] ?? ''
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(await readFile(path, 'utf8')).toMatch(/^AGE-SECRET-KEY-1[A-Z0-9]+\n$/)
    }
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(kms.calls.at(-1)).toMatchObject({ operation: 'Decrypt', keyId: key, context: bound })
  })

  it('of another backup does not open, whether its context came along or not', async () => {
    const [mine, theirs] = [await wrapped(), await wrapped(other)]
    await expect(open(theirs)).rejects.toMatchObject({
      code: 'encryption.context-mismatch',
      context: { key: 'attempt', wrapped_for: 'att_2', manifest_of: 'att_1' },
    })
    await expect(open({ ...mine, wrapped_key: theirs.wrapped_key })).rejects.toMatchObject({
      code: 'kms.ciphertext-refused',
    })
    const bit = Buffer.from(mine.wrapped_key, 'base64')
    bit[bit.length - 1] = (bit[bit.length - 1] ?? 0) ^ 1
    await expect(open({ ...mine, wrapped_key: bit.toString('base64') })).rejects.toMatchObject({
      code: 'kms.ciphertext-refused',
    })
    // even one that is rightly bound must be the identity of its recipient
    await expect(open({ ...mine, recipient: theirs.recipient })).rejects.toMatchObject({
      code: 'encryption.context-mismatch',
    })
    expect(await readdir(folder.path)).toEqual([])
  })

  it('stays readable when the policy names another key and the alias moves', async () => {
    const old = await wrapped()
    const next = kms.createKey('backups')
    const fresh = await wrapped()
    expect([old.key_arn, fresh.key_arn]).toEqual([key, next])
    for (const each of [old, fresh]) {
      await using opened = await open(each)
      expect(opened.identities).toHaveLength(1)
    }
  })

  it.each([
    ['kms.key-disabled', () => kms.setState(key, 'Disabled')],
    ['kms.key-unusable', () => kms.setState(key, 'PendingDeletion')],
  ] as const)('is refused with %s as the state of the key says, both ways', async (code, change) => {
    const manifest = await wrapped()
    change()
    await expect(wrapped()).rejects.toMatchObject({ code, context: { operation: 'Encrypt' } })
    await expect(open(manifest)).rejects.toMatchObject({ code, context: { operation: 'Decrypt', key } })
  })

  it('is not opened by whoever may only wrap, nor wrapped by whoever may only open', async () => {
    const manifest = await wrapped()
    await expect(open(manifest, { as: 'AKIABACKUP' })).rejects.toMatchObject({
      code: 'kms.denied',
      context: { detail: expect.stringContaining('kms:Decrypt') },
    })
    await expect(seal(wrapping(), bound, 'AKIARESTORE')).rejects.toMatchObject({ code: 'kms.denied' })
    await expect(seal(wrapping(), bound, 'AKIANOBODY')).rejects.toMatchObject({ code: 'kms.denied' })
  })

  it('of a key nobody knows: kms.key-missing', async () => {
    await expect(seal({ kind: 'aws-kms', key: 'alias/none', recipients: [] })).rejects.toMatchObject({
      code: 'kms.key-missing',
      context: { key: 'alias/none' },
    })
  })

  it('is tried again while KMS asks to slow down, and given up after its tries', async () => {
    kms.throttle(3)
    await wrapped()
    expect(kms.calls.slice(-4).map(({ answer }) => answer)).toEqual([
      'ThrottlingException',
      'ThrottlingException',
      'ThrottlingException',
      'ok',
    ])
    kms.throttle(4)
    await expect(wrapped()).rejects.toMatchObject({ code: 'kms.throttled', context: { attempts: 4 } })
    kms.throttle(0)
  })

  it('that cannot be asked for: kms.unreachable', async () => {
    const gone = await startKms()
    await gone.stop()
    const unreachable = awsKms({
      endpoint: gone.endpoint,
      region: gone.region,
      credentials: async () => ({ accessKeyId: 'x', secretAccessKey: 'x' }),
      retry: { attempts: 2, baseMs: 1, capMs: 5 },
    })
    await expect(unreachable.wrap('alias/backups', Buffer.from('x'), bound, signal)).rejects.toMatchObject({
      code: 'kms.unreachable',
    })
  })

  it('is not needed by whoever has a break-glass identity, even when the key is gone', async () => {
    const glass = await identityFile(folder.path, 'glass')
    const { manifest, recipients } = await seal(wrapping([glass.recipient]))
    expect(recipients).toHaveLength(2)
    kms.setState(key, 'PendingDeletion')
    const before = kms.calls.length
    await using opened = await open(manifest, { identityFiles: [glass.path] })
    expect(opened.identities).toEqual([glass.path])
    expect(kms.calls).toHaveLength(before)
  })
})

describe.skipIf(tools.missing)('an identity', () => {
  it('that fits is found among others; without one it is said who could read the backup', async () => {
    const [mine, stranger] = [
      await identityFile(folder.path, 'mine'),
      await identityFile(folder.path, 'stranger'),
    ]
    const { manifest } = await seal({ kind: 'age', recipients: [mine.recipient] })
    expect(manifest).toEqual({ kind: 'age', recipients: [mine.recipient] })
    await using opened = await open(manifest, { identityFiles: [stranger.path, mine.path] })
    expect(opened.identities).toEqual([mine.path])
    await expect(open(manifest)).rejects.toMatchObject({
      code: 'encryption.identity-missing',
      context: { recipients: [mine.recipient] },
    })
    await expect(open(manifest, { identityFiles: [stranger.path] })).rejects.toMatchObject({
      code: 'encryption.identity-mismatch',
    })
  })

  it('that others can read, that is none, or that wants a passphrase is refused without a word of it', async () => {
    const mine = await identityFile(folder.path, 'shown')
    const { manifest } = await seal({ kind: 'age', recipients: [mine.recipient] })
    await chmod(mine.path, 0o640)
    await expect(open(manifest, { identityFiles: [mine.path] })).rejects.toMatchObject({
      code: 'secret.exposed',
    })
    for (const [name, text, code] of [
      ['junk', 'hunter2-is-my-password\n', 'encryption.identity-invalid'],
      ['locked', 'age-encryption.org/v1\n-> scrypt x 18\n', 'encryption.identity-invalid'],
    ] as const) {
      const path = join(folder.path, name)
      await writeFile(path, text, { mode: 0o600 })
      const thrown = await open(manifest, { identityFiles: [path] }).then(
        () => undefined,
        error => error,
      )
      expect(thrown).toMatchObject({ code, context: { path } })
      expect(JSON.stringify(thrown.toFailure())).not.toContain('hunter2')
    }
  })
})
