import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadAgentConfig } from '../../agent/config.ts'
import { encryptionFrom } from '../../agent/host/encryption.ts'
import { loadCoordinatorConfig, settingsOf } from '../../coordinator/config.ts'
import type { Policy } from '../../coordinator/policy/policy.ts'
import { AppError } from '../../shared/errors/index.ts'
import { temporaryFolder } from '../harness/index.ts'

const recipient = 'age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg'

async function load(policy: string) {
  await using folder = await temporaryFolder('config')
  const file = join(folder.path, 'coordinator.yaml')
  await writeFile(
    file,
    `destinations: { m: { url: "file:///x" } }\npolicies: [{ name: a, destination: m, ${policy} }]`,
  )
  return loadCoordinatorConfig(file, {}, {})
}

async function policyOf(policy: string): Promise<Policy> {
  const [found] = settingsOf((await load(policy)).value).policies
  if (found === undefined) throw new Error('no policy')
  return found
}

async function problems(policy: string): Promise<string> {
  const thrown = await load(policy).catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(AppError)
  return JSON.stringify((thrown as AppError).toFailure())
}

describe('how a policy says backups are compressed', () => {
  test.each([
    ['codec: gzip, codec_level: 12', 'policies.0.codec_level', 'from 1 to 9 for gzip'],
    ['compression: { codec: zstd, level: 20 }', 'policies.0.compression.level', 'from 1 to 19 for zstd'],
    ['compression: { codec: zstd, long: 9 }', 'policies.0.compression.long', 'from 10 to 31 for zstd'],
    ['compression: { codec: xz, threads: 65 }', 'policies.0.compression.threads', 'from 1 to 64 for xz'],
    ['compression: { codec: bzip2, threads: 2 }', 'policies.0.compression.threads', 'bzip2 has none'],
    ['compression: { codec: none, level: 1 }', 'policies.0.compression.level', 'none has none'],
    ['compression: { codec: lz4 }', 'policies.0.compression.codec', 'bzip2'],
  ])('%s is told with key and range', async (policy, key, said) => {
    const told = await problems(policy)
    expect(told).toContain(key)
    expect(told).toContain(said)
  })

  test('every problem at once, of codec, encryption and passwords', async () => {
    const told = await problems(
      'compression: { codec: gzip, level: 10, long: 27, threads: 2 }, encryption: { recipients: [nobody] }, globals_passwords: true',
    )
    for (const key of [
      'compression.level',
      'compression.long',
      'compression.threads',
      'encryption.recipients.0',
    ])
      expect(told).toContain(`policies.0.${key}`)
  })

  test('the old keys mean what they meant, the new ones win, and a level not told is the tool’s own', async () => {
    expect(await policyOf('codec: zstd, codec_level: 7')).toMatchObject({ codec: 'zstd', codecLevel: 7 })
    expect(await policyOf('codec: none, codec_level: 7')).toMatchObject({ codec: 'none' })
    expect(await policyOf('every: 1h')).toMatchObject({ codec: 'zstd', codecLevel: 1 })
    expect(await policyOf('codec: gzip')).toMatchObject({ codec: 'gzip', codecLevel: 6 })
    expect(await policyOf('compression: { codec: xz }')).toMatchObject({ codec: 'xz', codecLevel: 6 })
    expect(await policyOf('codec: none, compression: { level: 5, long: 27, threads: 3 }')).toMatchObject({
      codec: 'zstd',
      codecLevel: 5,
      codecLong: 27,
      codecThreads: 3,
    })
  })
})

describe('who a policy says can read backups', () => {
  test('is part of its version, and of what is shown', async () => {
    const [plain, sealed] = [
      await policyOf('every: 24h'),
      await policyOf(`encryption: { recipients: [${recipient}] }`),
    ]
    expect(sealed.encryption).toEqual({ required: false, recipients: [recipient], breakGlass: [] })
    expect(sealed.version).not.toBe(plain.version)
    expect((await load(`encryption: { required: true, kms_key: alias/x }`)).render()).toContain('alias/x')
  })

  test('must be said before passwords of globals are stored', async () => {
    expect(await problems('globals_passwords: true')).toContain('policies.0.globals_passwords')
    expect(await problems(`globals_passwords: true, encryption: { break_glass: [${recipient}] }`)).toContain(
      'globals_passwords',
    )
    for (const encryption of [
      'required: true',
      'kms_key: alias/x',
      'recipients_file: /r',
      `recipients: [${recipient}]`,
    ])
      expect(await policyOf(`globals_passwords: true, encryption: { ${encryption} }`)).toMatchObject({
        globalsPasswords: true,
      })
  })

  test('is never a secret key, and one that was given by mistake is not repeated', async () => {
    const told = await problems('encryption: { recipients: [AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQ] }')
    expect(told).toContain('encryption.recipients.0')
    expect(told).not.toContain('QQQQ')
  })
})

describe('encryption in the configuration of an agent', () => {
  test('is what recipes go by; nothing is nothing', async () => {
    const { value } = loadAgentConfig(
      undefined,
      {
        'encryption.required': true,
        'encryption.recipients': [recipient],
        'encryption.kms_key': 'alias/host',
        'encryption.break_glass': [recipient],
        'encryption.identity_files': ['/etc/holdfast/identity'],
      },
      {},
    )
    expect(encryptionFrom(value.encryption).settings).toEqual({
      required: true,
      recipients: [recipient],
      kmsKey: 'alias/host',
      breakGlass: [recipient],
      identityFiles: ['/etc/holdfast/identity'],
    })
    expect(encryptionFrom(loadAgentConfig(undefined, {}, {}).value.encryption).settings).toEqual({
      required: false,
      recipients: [],
      breakGlass: [],
      identityFiles: [],
    })
    expect(() => loadAgentConfig(undefined, { 'encryption.recipients': ['nobody'] }, {})).toThrow(
      /encryption\.recipients/,
    )
  })
})
