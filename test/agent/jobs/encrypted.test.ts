import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { awsKms, type EncryptionSettings, noEncryption } from '../../../agent/encryption/index.ts'
import { backupRecipe } from '../../../agent/jobs/backup.ts'
import type { KeyUse } from '../../../agent/jobs/key-use.ts'
import { restoreRecipe } from '../../../agent/jobs/restore.ts'
import type { Surroundings } from '../../../agent/jobs/surroundings.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { Manifest } from '../../../shared/model/manifest.ts'
import type { BackupSpec, EncryptionSpec } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import {
  type KmsFake,
  requireServers,
  startKms,
  type TemporaryFolder,
  temporaryFolder,
} from '../../harness/index.ts'
import { readManifestStrictly } from '../../harness/manifest-schema.ts'
import { identityFile } from '../encryption/identities.ts'
import { conducted } from './conducted.ts'
import { type FakeEngine, fakeEngine } from './fake-engine.ts'
import { backupSpec, bucketContent, folders, makeWorld, newAttempt, restoreSpec } from './world.ts'

const tools = await requireServers('encrypted backups of the agent', 'pv', 'zstd', 'age')

let root: TemporaryFolder
let places: Awaited<ReturnType<typeof folders>>
let kms: KmsFake
let engine: FakeEngine
beforeAll(async () => {
  root = await temporaryFolder('encrypted')
  places = await folders(root.path)
  kms = await startKms()
  kms.allow('AKIAHOST', 'Encrypt', 'Decrypt')
})
afterAll(async () => {
  await kms?.stop()
  await root?.remove()
})
beforeEach(() => {
  kms.createKey('backups')
  engine = fakeEngine({ folder: places.server, streams: ['seq 1 3000', 'seq 5 4000'] })
})

const world = (settings: Partial<EncryptionSettings> = {}): Promise<Surroundings> =>
  makeWorld(places, {
    engine,
    encryption: {
      settings: { ...noEncryption, ...settings },
      keyService: () =>
        awsKms({
          endpoint: kms.endpoint,
          region: kms.region,
          credentials: async () => ({ accessKeyId: 'AKIAHOST', secretAccessKey: 'x' }),
          retry: { attempts: 2, baseMs: 1, capMs: 2 },
        }),
    },
  })

const who = (changes: Partial<EncryptionSpec>): EncryptionSpec => ({
  required: true,
  recipients: [],
  recipientsFile: '',
  kmsKey: '',
  breakGlass: [],
  ...changes,
})

interface Made {
  readonly manifest: Manifest
  readonly key: string
}

async function backup(
  changes: Partial<BackupSpec>,
  settings: Partial<EncryptionSettings> = {},
): Promise<Made> {
  const { result } = await conducted(
    backupSpec(places.bucket, { codec: 'zstd', ...changes }),
    await world(settings),
  )
  expect(result, JSON.stringify(result.failure)).toMatchObject({ outcome: 'succeeded' })
  const manifest = readManifestStrictly(Buffer.from(result.manifest ?? '', 'base64'))
  return { manifest, key: result.manifest_key ?? '' }
}

let restores = 0
/** Restores into a database of its own; its name is given back. */
async function restore(
  key: string,
  settings: Partial<EncryptionSettings> = {},
  keyUsed: (use: KeyUse) => Promise<void> = async () => {},
): Promise<string> {
  const into = `copy_${restores++}`
  const recipe = restoreRecipe(
    restoreSpec(places.bucket, { manifestKey: key, into }),
    newAttempt(),
    await world(settings),
  )
  const { signal } = new AbortController()
  const silent = () => {}
  await recipe.run({
    signal,
    leaving: signal,
    progress: silent,
    touching: silent,
    uploadOpened: silent,
    uploadClosed: silent,
    children: silent,
    keyUsed,
    grant: async () => {},
    committing: silent,
  })
  return into
}

const whole = async (name: string) =>
  (await readFile(join(places.server, name), 'utf8')).split('\n').length - 1
const rows = 3_000 + 3_996

/** It fails, and neither target nor scratch folder has anything of it. */
async function refused(running: Promise<unknown>): Promise<AppError> {
  const before = await readdir(places.server)
  const thrown = await running.then(
    () => new Error('it succeeded'),
    error => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  expect(await readdir(places.server)).toEqual(before)
  expect(await readdir(join(places.state, 'scratch'))).toEqual([])
  return thrown
}

/** Puts another manifest in the place of one. */
async function tampered({ key, manifest }: Made, change: (manifest: Manifest) => unknown): Promise<string> {
  await writeFile(join(places.bucket, key), JSON.stringify(change(structuredClone(manifest))))
  return key
}

describe.skipIf(tools.missing)('an encrypted backup', () => {
  it('is told in manifest and keys, and comes back with the identity alone', async () => {
    const mine = await identityFile(root.path, 'mine')
    const glass = await identityFile(root.path, 'glass')
    const made = await backup({
      encryption: who({ recipients: [mine.recipient], breakGlass: [glass.recipient] }),
      codecLevel: 5,
      codecLong: 20,
      codecThreads: 1,
    })
    expect(made.manifest.encryption).toEqual({ kind: 'age', recipients: [mine.recipient, glass.recipient] })
    for (const stream of made.manifest.streams) {
      expect(stream.codecs).toEqual(['zstd', 'age'])
      expect(stream.objects[0]?.key).toMatch(/\.sql\.zst\.age$/)
      const command = (name: string) => stream.stages.find(each => each.name === name)?.command ?? []
      expect(command('zstd')).toEqual(expect.arrayContaining(['-5', '--long=20', '-T1']))
      expect(command('age')).toEqual(expect.arrayContaining([mine.recipient, glass.recipient]))
    }
    for (const { path } of [mine, glass])
      expect(await whole(await restore(made.key, { identityFiles: [path] }))).toBe(rows)
    expect(await readdir(join(places.state, 'scratch'))).toEqual([])
  })

  it('with a KMS key has an identity of its own, which nothing but the manifest knows, wrapped', async () => {
    const made = await backup({ encryption: who({ kmsKey: 'alias/backups' }) })
    const { encryption } = made.manifest
    if (encryption.kind !== 'aws-kms') throw new Error('not wrapped')
    expect(encryption.context).toEqual({
      cluster: 'orders',
      database: 'orders',
      attempt: made.manifest.attempt_id,
    })
    expect(JSON.stringify(made.manifest)).not.toContain('AGE-SECRET-KEY')
    expect(await whole(await restore(made.key))).toBe(rows)
  })

  it('tells which key opens it, and is not opened before that is written down', async () => {
    const mine = await identityFile(root.path, 'told')
    const plain = await backup({ encryption: who({ recipients: [mine.recipient] }) })
    const wrapped = await backup({ encryption: who({ kmsKey: 'alias/backups' }) })
    const told: KeyUse[] = []
    const note = async (use: KeyUse) => void told.push(use)
    await restore(plain.key, { identityFiles: [mine.path] }, note)
    await restore(wrapped.key, {}, note)
    const { encryption } = wrapped.manifest
    expect(told).toEqual([
      { kind: 'age', key: mine.recipient, backup_id: plain.manifest.backup_id },
      {
        kind: 'aws-kms',
        key: encryption.kind === 'aws-kms' ? encryption.key_arn : '',
        backup_id: wrapped.manifest.backup_id,
      },
    ])
    const full = () => Promise.reject(new AppError('agent.state-unwritable'))
    for (const { key } of [plain, wrapped])
      expect((await refused(restore(key, { identityFiles: [mine.path] }, full))).code).toBe(
        'agent.state-unwritable',
      )
  })

  it('stays readable when recipients and keys have been changed since', async () => {
    const [old, next] = [await identityFile(root.path, 'old'), await identityFile(root.path, 'next')]
    const before = await backup({ encryption: who({ recipients: [old.recipient] }) })
    const wrapped = await backup({ encryption: who({ kmsKey: 'alias/backups' }) })
    kms.createKey('backups')
    const after = await backup({ encryption: who({ recipients: [next.recipient] }) })
    const identityFiles = [next.path, old.path]
    for (const { key } of [before, wrapped, after])
      expect(await whole(await restore(key, { identityFiles }))).toBe(rows)
    const error = await refused(restore(after.key, { identityFiles: [old.path] }))
    expect(error.toFailure()).toMatchObject({
      code: 'encryption.identity-mismatch',
      context: { recipients: [next.recipient] },
    })
  })

  it('is not restored without an identity, with one of somebody else, or by keys of another backup', async () => {
    const [mine, stranger] = [await identityFile(root.path, 'me'), await identityFile(root.path, 'them')]
    const aged = await backup({ encryption: who({ recipients: [mine.recipient] }) })
    engine.calls.length = 0
    expect((await refused(restore(aged.key))).code).toBe('encryption.identity-missing')
    expect((await refused(restore(aged.key, { identityFiles: [stranger.path] }))).code).toBe(
      'encryption.identity-mismatch',
    )
    const [one, two] = [
      await backup({ encryption: who({ kmsKey: 'alias/backups' }) }),
      await backup({ encryption: who({ kmsKey: 'alias/backups' }) }),
    ]
    engine.calls.length = 0
    const swapped = await tampered(one, manifest => ({ ...manifest, encryption: two.manifest.encryption }))
    expect((await refused(restore(swapped))).code).toBe('encryption.context-mismatch')
    await tampered(one, manifest => ({
      ...manifest,
      encryption: {
        ...two.manifest.encryption,
        ...('context' in manifest.encryption ? { context: manifest.encryption.context } : {}),
      },
    }))
    expect((await refused(restore(one.key))).code).toBe('kms.ciphertext-refused')
    expect(engine.calls).toEqual([])
    // streams of another backup under a manifest whose key is its own: age says no, and what was begun is dropped
    await tampered(one, manifest => ({ ...manifest, streams: two.manifest.streams }))
    expect((await refused(restore(one.key))).code).toBe('encryption.identity-mismatch')
    expect(engine.calls).toContain('abandon')
  })

  it('whose key is gone for good opens for break-glass identities', async () => {
    const glass = await identityFile(root.path, 'last')
    const made = await backup({ encryption: who({ kmsKey: 'alias/backups', breakGlass: [glass.recipient] }) })
    if (made.manifest.encryption.kind !== 'aws-kms') throw new Error('not wrapped')
    kms.setState(made.manifest.encryption.key_arn, 'PendingDeletion')
    expect((await refused(restore(made.key))).code).toBe('kms.key-unusable')
    expect(await whole(await restore(made.key, { identityFiles: [glass.path] }))).toBe(rows)
  })
})

describe.skipIf(tools.missing)('a backup is refused before it starts', () => {
  const making = async (changes: Partial<BackupSpec>, settings: Partial<EncryptionSettings> = {}) => {
    const recipe = backupRecipe(
      backupSpec(places.bucket, changes),
      newAttempt(),
      Date.now(),
      await world(settings),
    )
    await recipe.preflight()
  }

  it('when it must be encrypted and nobody is named, by policy or host', async () => {
    await expect(making({ encryption: who({}) })).rejects.toMatchObject({ code: 'encryption.required' })
    await expect(making({}, { required: true })).rejects.toMatchObject({ code: 'encryption.required' })
  })

  it('when it is of globals with passwords and would lie there in plaintext', async () => {
    const globals = { scope: 'cluster', databaseName: '', globalsPasswords: true }
    await expect(making(globals)).rejects.toMatchObject({ code: 'encryption.required' })
  })

  it('when its codec is unknown or asked for what it cannot do; a level beside `none` is an old coordinator’s', async () => {
    await expect(making({ codec: 'lzma' })).rejects.toMatchObject({
      code: 'codec.invalid',
      context: { codec: 'lzma' },
    })
    await expect(making({ codec: 'gzip', codecLevel: 12, codecThreads: 2 })).rejects.toMatchObject({
      code: 'codec.invalid',
      context: {
        problems: [
          'level: expected a whole number from 1 to 9 for gzip',
          'threads: must not be given: gzip has none',
        ],
      },
    })
    await making({ codec: 'none', codecLevel: 3 })
  })

  it('when the key service says no: the database was not touched, nothing is in the bucket', async () => {
    const before = await bucketContent(places.bucket)
    const { result } = await conducted(
      backupSpec(places.bucket, { encryption: who({ kmsKey: 'alias/none' }) }),
      await world(),
    )
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'kms.key-missing' } })
    expect(engine.calls).toEqual([])
    expect(await bucketContent(places.bucket)).toEqual(before)
  })
})
