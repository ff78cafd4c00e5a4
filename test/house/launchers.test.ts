import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fixtureTree, root } from './project.ts'

const entries = {
  holdfast: 'cli/holdfast.ts',
  'holdfast-coordinator': 'coordinator/main.ts',
  'holdfast-agent': 'agent/main.ts',
} as const

/** The PATH of a user's shell: nothing of ours on it. */
const hostPath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter(folder => !folder.includes('node_modules'))
  .join(delimiter)

const report =
  'const version: string = process.version\nconsole.log(JSON.stringify({ version, args: process.argv.slice(2) }))\nprocess.exitCode = 3\n'

describe('launchers', () => {
  let checkout: Awaited<ReturnType<typeof fixtureTree>>
  let elsewhere: string

  beforeAll(async () => {
    checkout = await fixtureTree(
      ['package.json', ...Object.keys(entries).map(name => `bin/${name}`)],
      Object.fromEntries(Object.values(entries).map(file => [file, report])),
    )
    elsewhere = await mkdtemp(join(tmpdir(), 'holdfast launchers '))
  })
  afterAll(async () => {
    await checkout[Symbol.asyncDispose]()
    await rm(elsewhere, { recursive: true, force: true })
  })

  const start = async (program: string, path = hostPath) => {
    const ended = await execa(program, ['a b', '--x=*'], {
      reject: false,
      cwd: elsewhere,
      env: { PATH: path },
    })
    return { status: ended.exitCode, ...(JSON.parse(ended.stdout) as { version: string; args: string[] }) }
  }

  test.each(Object.keys(entries))(
    '%s runs on the pinned Node whatever the host has, and hands on arguments and exit status',
    async name => {
      const { version, args, status } = await start(join(checkout.path, 'bin', name))
      expect(version).toBe(process.version)
      expect(version).toMatch(/^v24\./)
      expect(args).toEqual(['a b', '--x=*'])
      expect(status).toBe(3)
    },
  )

  test.each(Object.keys(entries))(
    '%s works through a symbolic link to a symbolic link, from a folder with a space',
    async name => {
      await symlink(join(checkout.path, 'bin', name), join(elsewhere, `${name}-1`))
      await symlink(`${name}-1`, join(elsewhere, `${name}-2`))
      expect((await start(join(elsewhere, `${name}-2`))).version).toBe(process.version)
    },
  )

  test('an old Node first on the PATH is not asked', async () => {
    const folder = join(elsewhere, 'old')
    await mkdir(folder)
    await writeFile(join(folder, 'node'), '#!/bin/sh\necho "{\\"version\\":\\"v20.0.0\\",\\"args\\":[]}"\n')
    await chmod(join(folder, 'node'), 0o755)
    const path = `${folder}${delimiter}${hostPath}`
    expect((await start(join(checkout.path, 'bin/holdfast'), path)).version).toBe(process.version)
  })

  test('without the pinned Node the one on the PATH is used', async () => {
    await using bare = await fixtureTree(['package.json', 'bin/holdfast'], { 'cli/holdfast.ts': report })
    await rm(join(bare.path, 'node_modules'))
    const pinned = join(root, 'node_modules/.bin')
    expect((await start(join(bare.path, 'bin/holdfast'), `${pinned}${delimiter}${hostPath}`)).version).toBe(
      process.version,
    )
  })
})
