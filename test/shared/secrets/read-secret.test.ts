import { chmod, mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import { describeSecret, readSecret, type SecretSource } from '../../../shared/secrets/index.ts'
import { temporaryFolder } from '../../harness/index.ts'
import { fakeSecretsManager } from './fake-secrets-manager.ts'

const planted = 'pl4nted-s3cret'

async function failure(source: SecretSource): Promise<AppError> {
  const thrown: unknown = await readSecret(source).then(
    () => new Error('it was read'),
    (error: unknown) => error,
  )
  if (!(thrown instanceof AppError)) throw thrown
  // whatever is told of a failure, the secret is no part of it
  expect(JSON.stringify([thrown.toFailure(), String(thrown.stack), String(thrown.cause)])).not.toContain(
    planted,
  )
  return thrown
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeEach(async () => {
  folder = await temporaryFolder('secrets')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await folder.remove()
})

async function file(name: string, text: string, mode: number): Promise<string> {
  const path = join(folder.path, name)
  await writeFile(path, text)
  await chmod(path, mode)
  return path
}

describe('a file', () => {
  test('is a path alone, or named as one', async () => {
    const path = await file('pw', `${planted}\n`, 0o600)
    expect(await readSecret(path)).toBe(planted)
    expect(await readSecret({ file: path })).toBe(planted)
  })

  test('that a group can read is refused, however it is named', async () => {
    const path = await file('pw', planted, 0o640)
    expect((await failure(path)).code).toBe('secret.exposed')
    expect((await failure({ file: path })).code).toBe('secret.exposed')
  })
})

describe('a variable', () => {
  test('is read when it is asked for', async () => {
    vi.stubEnv('DB_PASSWORD', planted)
    expect(await readSecret({ env: 'DB_PASSWORD' })).toBe(planted)
  })

  test.each([undefined, ''])('that is %j is no secret', async value => {
    vi.stubEnv('DB_PASSWORD', value)
    expect(await failure({ env: 'DB_PASSWORD' })).toMatchObject({
      code: 'secret.unreadable',
      context: { variable: 'DB_PASSWORD' },
    })
  })
})

/** A mount as the kubelet makes it: keys are links into `..data`, which is a link to a folder with a date. */
async function mounted(text: string, mode = 0o440) {
  const publish = async (at: string, content: string) => {
    await mkdir(join(folder.path, at))
    await file(join(at, 'password'), content, mode)
    await symlink(at, join(folder.path, '..data_tmp'))
    await rename(join(folder.path, '..data_tmp'), join(folder.path, '..data'))
  }
  await publish('..2026_01', text)
  await symlink('..data/password', join(folder.path, 'password'))
  return { path: join(folder.path, 'password'), swap: (content: string) => publish('..2026_02', content) }
}

describe('a mounted Kubernetes secret', () => {
  test('may be read by its group, and what was swapped is taken up', async () => {
    const mount = await mounted('before')
    expect(await readSecret({ mounted: mount.path })).toBe('before')
    await mount.swap(planted)
    expect(await readSecret({ mounted: mount.path })).toBe(planted)
  })

  test.each([0o444, 0o460, 0o644])('of mode %o is refused, with the word of the volume', async mode => {
    const mount = await mounted(planted, mode)
    const error = await failure({ mounted: mount.path })
    expect(error.code).toBe('secret.exposed')
    expect(error.toFailure().hint).toContain('defaultMode: 0440')
  })

  test('is none without `..data`: the rule of files is not to be walked around', async () => {
    const path = await file('pw', planted, 0o440)
    expect(await failure({ mounted: path })).toMatchObject({ code: 'secret.unreadable' })
  })
})

describe('a command', () => {
  const script = (body: string, mode = 0o700) => file('give', `#!/bin/sh\n${body}\n`, mode)

  test('gets its arguments as they are, and neither our variables nor a shell', async () => {
    vi.stubEnv('OTHER_SECRET', planted)
    vi.stubEnv('VAULT_ADDR', 'http://v')
    const program = await script(`printf '%s|' "$@"; printf '%s|%s' "$OTHER_SECRET" "$VAULT_ADDR"`)
    expect(await readSecret({ command: [program, '$HOME; ls', 'a b'], pass_env: ['VAULT_ADDR'] })).toBe(
      '$HOME; ls|a b||http://v',
    )
  })

  test.each([
    ['exit status 3', `echo ${planted}; echo ${planted} >&2; exit 3`],
    ['it printed nothing', 'true'],
    ['it printed more than 64 KiB', 'head -c 70000 /dev/zero'],
  ])('%s: refused', async (detail, body) => {
    expect(await failure({ command: [await script(body)] })).toMatchObject({
      code: 'secret.unreadable',
      context: { detail },
    })
  })

  test('that hangs is ended', async () => {
    const program = await script(`echo ${planted}; exec sleep 600`)
    expect(await failure({ command: [program], timeout: 200 })).toMatchObject({
      context: { detail: 'not done after 200 ms' },
    })
  })

  test('that others can change, is missing or is not absolute is not run', async () => {
    expect((await failure({ command: [await script('echo x', 0o770)] })).code).toBe('secret.exposed')
    expect((await failure({ command: ['/nowhere/give'] })).context).toMatchObject({ detail: 'ENOENT' })
    expect((await failure({ command: ['give'] })).context).toMatchObject({
      detail: 'the program must be an absolute path',
    })
  })
})

describe('AWS Secrets Manager', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDTEST')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
    vi.stubEnv('AWS_REGION', 'eu-central-1')
  })

  test('gives the value or a field of it, signed, and the new one after a rotation', async () => {
    await using manager = await fakeSecretsManager({
      plain: 'x',
      fields: '{"username":"u","password":"old"}',
    })
    const { endpoint } = manager
    expect(await readSecret({ aws_secrets_manager: { id: 'plain', endpoint } })).toBe('x')
    const source = { aws_secrets_manager: { id: 'fields', field: 'password', endpoint } }
    expect(await readSecret(source)).toBe('old')
    manager.secrets.set('fields', '{"password":"new"}')
    expect(await readSecret(source)).toBe('new')
    expect(manager.asked[0]).toMatchObject({
      body: { SecretId: 'plain' },
      headers: { authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 .*eu-central-1\/secretsmanager/) },
    })
  })

  test.each([
    ['missing', undefined, 'ResourceNotFoundException'],
    ['text', 'password', 'it is no JSON object'],
    ['fields', 'token', 'it has no such field of text'],
    ['fields', 'toString', 'it has no such field of text'],
  ])('%s, field %s: refused with %s', async (id, field, detail) => {
    await using manager = await fakeSecretsManager({ text: planted, fields: `{"password":"${planted}"}` })
    const error = await failure({ aws_secrets_manager: { id, field, endpoint: manager.endpoint } })
    expect(error).toMatchObject({ code: 'secret.unreadable', context: { id, detail } })
  })
})

test('every source can be told', () => {
  expect(
    (
      [
        '/a',
        { file: '/b' },
        { mounted: '/c' },
        { env: 'D' },
        { command: ['/e', 'arg'] },
        { aws_secrets_manager: { id: 'f', field: 'g' } },
      ] as const
    ).map(describeSecret),
  ).toEqual(['/a', '/b', '/c', 'variable D', 'command /e', 'AWS Secrets Manager f, field g'])
})
