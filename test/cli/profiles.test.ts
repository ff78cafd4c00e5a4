import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { profilesPath, withProfile } from '../../cli/profiles.ts'
import { GetStatusResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { startFakeOperatorService } from '../harness/fake-operator-service.ts'
import { temporaryFolder } from '../harness/index.ts'
import { holdfast } from './holdfast.ts'

/** A file of profiles, and the environment that names it. */
async function profiles(text: string) {
  const folder = await temporaryFolder('profiles')
  const path = join(folder.path, 'config.yaml')
  await writeFile(path, text, { mode: 0o600 })
  return {
    path,
    environment: { HOLDFAST_CONFIG: path },
    [Symbol.asyncDispose]: () => folder.remove(),
  }
}

const two = `# mine
profile: prod
profiles:
  prod: # the real one
    coordinator: 127.0.0.1:1
  staging:
    coordinator: 127.0.0.1:2
`

describe('a broken or careless file', () => {
  test.each([
    ['profiles: {prod: {}}', /config\.yaml:1: profiles\.prod\.coordinator/],
    ['profiles: {prod: {coordinator: nonsense}}', /expected host:port/],
    ['profiles: {prod: {coordinator: "a:1", token: secret}}', /token/],
    ['profiles: [', /config\.yaml:1/],
  ])('%s is refused with where and why', async (text, why) => {
    await using file = await profiles(text)
    const { status, err } = await holdfast(['profile', 'list'], { environment: file.environment })
    expect(status).not.toBe(0)
    expect(inOneLine(err)).toMatch(why)
    expect(err).toContain('[config.invalid]')
  })

  test('one that names secrets must not be writable by others', async () => {
    await using file = await profiles('profiles: {prod: {coordinator: "a:1", token_file: /t}}')
    await chmod(file.path, 0o666)
    const { err } = await holdfast(['profile', 'list'], { environment: file.environment })
    expect(inOneLine(err)).toContain('others than you can write it')
    await chmod(file.path, 0o644)
    expect((await holdfast(['profile', 'list'], { environment: file.environment })).status).toBe(0)
  })

  test('a profile that does not exist is told with those that do', async () => {
    await using file = await profiles(two)
    for (const argv of [
      ['status', '--profile', 'nobody'],
      ['profile', 'use', 'nobody'],
    ]) {
      const { status, err } = await holdfast(argv, {
        environment: { ...file.environment, HOLDFAST_COORDINATOR: '' },
      })
      expect(status).toBe(2)
      expect(err).toContain('There are prod, staging.')
    }
  })
})

describe('which coordinator is asked', () => {
  test('option, variable, profile, default, in this order; --profile goes before the variable', async () => {
    await using file = await profiles(two)
    const of = (more: Record<string, string>, asked?: string) =>
      withProfile({ ...file.environment, ...more }, asked)['HOLDFAST_COORDINATOR']
    expect(of({})).toBe('127.0.0.1:1')
    expect(of({ HOLDFAST_PROFILE: 'staging' })).toBe('127.0.0.1:2')
    expect(of({ HOLDFAST_COORDINATOR: 'x:3' })).toBe('x:3')
    expect(of({ HOLDFAST_COORDINATOR: 'x:3' }, 'staging')).toBe('127.0.0.1:2')
    expect(
      withProfile({ HOLDFAST_CONFIG: '/nowhere/at/all' }, undefined)['HOLDFAST_COORDINATOR'],
    ).toBeUndefined()
  })

  test('is the one of the profile, end to end', async () => {
    const service = await startFakeOperatorService({
      getStatus: () => GetStatusResponse.fromPartial({ version: '9.9.9' }),
    })
    try {
      await using file = await profiles(`profiles: {here: {coordinator: "${service.address}"}}`)
      const { out } = await holdfast(['version', '--profile', 'here'], { environment: file.environment })
      expect(out).toContain('coordinator 9.9.9')
    } finally {
      await service.stop()
    }
  })

  test('the file is where such files are', () => {
    expect(profilesPath({ HOME: '/home/me' })).toBe('/home/me/.config/holdfast/config.yaml')
    expect(profilesPath({ HOME: '/home/me', XDG_CONFIG_HOME: '/x' })).toBe('/x/holdfast/config.yaml')
    expect(profilesPath({})).toBeUndefined()
  })
})

test('profile use changes one line, keeps comments and permissions, and profile list shows it', async () => {
  await using file = await profiles(two)
  const { environment } = file
  expect((await holdfast(['profile', 'use', 'staging'], { environment })).out).toBe(
    'staging is in use from now on\n',
  )
  expect(await readFile(file.path, 'utf8')).toBe(two.replace('profile: prod', 'profile: staging'))
  expect((await stat(file.path)).mode & 0o777).toBe(0o600)
  expect((await holdfast(['profile', 'list'], { environment })).out).toMatch(/staging +127\.0\.0\.1:2 +yes/)
})

/** Without the breaks a terminal's width makes. */
const inOneLine = (text: string) => text.replaceAll(/\s+/g, ' ')
