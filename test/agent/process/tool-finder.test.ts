import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createToolFinder } from '../../../agent/process/index.ts'
import { Scripts } from './scripts.ts'

let scripts: Scripts
beforeAll(async () => {
  scripts = await Scripts.open()
})
afterAll(() => scripts.remove())

describe('the tool finder', () => {
  it('says which tool is missing, where it searched and what to install', async () => {
    const tools = createToolFinder({ path: '/nonexistent/bin', folders: ['/opt/none'] })
    await expect(tools.find(['pv'], ['/extra'])).rejects.toMatchObject({
      code: 'tool.missing',
      message: 'pv was not found on this host',
      traits: { hint: expect.stringContaining('Debian package pv') },
      context: { tool: 'pv', package: 'pv', searched: ['/extra/pv', '/opt/none/pv', '/nonexistent/bin/pv'] },
    })
  })

  it('refuses a configured path that is no program rather than taking another', async () => {
    const tools = createToolFinder({ paths: { zstd: join(scripts.folder, 'not-there') } })
    await expect(tools.find(['zstd'])).rejects.toMatchObject({
      code: 'tool.missing',
      context: { searched: [join(scripts.folder, 'not-there')] },
    })
  })

  it('does not take a file that cannot be executed, or a folder', async () => {
    await writeFile(join(scripts.folder, 'plain'), 'x')
    const tools = createToolFinder({ path: scripts.folder })
    await expect(tools.find(['plain'])).rejects.toMatchObject({ code: 'tool.missing' })
    await expect(createToolFinder({ path: '/usr' }).find(['bin'])).rejects.toMatchObject({
      code: 'tool.missing',
    })
  })

  it('takes the first name it can find, from the caller’s folders before PATH, with its version', async () => {
    const path = await scripts.script('mysqldump', 'echo "mysqldump  Ver 9"; echo more')
    const tools = createToolFinder({ path: '/nonexistent' })
    expect(await tools.find(['mariadb-dump', 'mysqldump'], [scripts.folder])).toEqual({
      name: 'mysqldump',
      path,
      version: 'mysqldump  Ver 9',
    })
  })

  it('asks for the version again when the program was replaced', async () => {
    const path = await scripts.script('tool', 'echo one')
    const tools = createToolFinder({ path: scripts.folder })
    expect((await tools.find(['tool'])).version).toBe('one')
    await rm(path)
    await writeFile(path, '#!/bin/sh\necho "two, and longer"\n')
    await chmod(path, 0o755)
    expect((await tools.find(['tool'])).version).toBe('two, and longer')
  })
})
