import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { distrust } from '../../../agent/hooks/distrust.ts'
import { temporaryFolder } from '../../harness/index.ts'

const root = process.geteuid?.() === 0

async function program(folder: string, mode = 0o755): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'hook')
  await writeFile(path, '#!/bin/sh\n')
  await chmod(path, mode)
  return path
}

describe('a program is not run', () => {
  it.each([
    ['its group may write to it', 0o775, 'may be written by its group or by others (mode 0775)'],
    ['everybody may write to it', 0o757, 'may be written by its group or by others (mode 0757)'],
  ])('when %s', async (_, mode, text) => {
    await using folder = await temporaryFolder('distrust')
    expect(distrust(await program(folder.path, mode), { runs: true })).toContain(text)
  })

  it('when somebody can put another file in its place: a folder above it is writable', async () => {
    await using folder = await temporaryFolder('distrust')
    const path = await program(join(folder.path, 'a', 'b'))
    await chmod(join(folder.path, 'a'), 0o777)
    expect(distrust(path, { runs: true })).toContain(`${join(folder.path, 'a')} may be written`)
    // nobody but its owner renames or removes what is in a sticky folder
    await chmod(join(folder.path, 'a'), 0o1777)
    expect(distrust(path, { runs: true })).toBeUndefined()
  })

  it('when a link leads to it from where others may write, or to where they may', async () => {
    await using folder = await temporaryFolder('distrust')
    const path = await program(join(folder.path, 'open', 'x'))
    await mkdir(join(folder.path, 'closed'))
    const link = join(folder.path, 'closed', 'hook')
    await symlink(path, link)
    expect(distrust(link, { runs: true })).toBeUndefined()
    await chmod(join(folder.path, 'open'), 0o777)
    expect(distrust(link, { runs: true })).toContain('open may be written')
    await chmod(join(folder.path, 'open'), 0o755)
    await chmod(join(folder.path, 'closed'), 0o777)
    expect(distrust(link, { runs: true })).toContain('closed may be written')
  })

  it.runIf(root)('when it, or a folder above it, is of another user', async () => {
    await using folder = await temporaryFolder('distrust')
    const path = await program(join(folder.path, 'of'))
    await chown(path, 65_534, 65_534)
    expect(distrust(path, { runs: true })).toContain('belongs to user 65534')
    await chown(path, 0, 0)
    await chown(join(folder.path, 'of'), 65_534, 65_534)
    expect(distrust(path, { runs: true })).toContain('belongs to user 65534')
  })

  it('when it is not there, a folder, or not executable; a file that is only read need not be', async () => {
    await using folder = await temporaryFolder('distrust')
    expect(distrust(join(folder.path, 'none'), { runs: true })).toContain('ENOENT')
    expect(distrust(folder.path, { runs: true })).toContain('is not a file')
    const path = await program(folder.path, 0o644)
    expect(distrust(path, { runs: true })).toContain('cannot be executed')
    expect(distrust(path, { runs: false })).toBeUndefined()
  })
})
