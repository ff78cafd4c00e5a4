import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { boundToUs, saysNotStarted } from '../../../agent/process/bound.ts'
import { startedThrough } from '../../../agent/process/priority.ts'
import { createToolFinder } from '../../../agent/process/tool-finder.ts'

const setpriv = '/usr/bin/setpriv'

describe('a program bound to this process', () => {
  it('gets its arguments as they are, and its status is its own', () => {
    const odd = ['a b', '$HOME', "'", '"', '', '-x', '\n']
    const { file, args } = boundToUs(setpriv, '/usr/bin/printf', ['%s|', ...odd])
    const { stdout, status } = spawnSync(file, args, { encoding: 'utf8' })
    expect(stdout).toBe(odd.map(each => `${each}|`).join(''))
    expect(status).toBe(0)
    const failing = boundToUs(setpriv, '/bin/sh', ['-c', 'exit 3'])
    expect(spawnSync(failing.file, failing.args).status).toBe(3)
  })

  it('does not start when its parent is gone before the death signal was asked for', async () => {
    const { file, args } = boundToUs(setpriv, '/bin/echo', ['started'])
    // a process between stands for init, which adopts the child of a killed agent
    const between = spawn('/bin/sh', ['-c', '"$@"; exit $?', 'between', file, ...args])
    let said = ''
    between.stdout.on('data', chunk => {
      said += chunk
    })
    const [status] = await once(between, 'close')
    expect(status).toBe(126)
    expect(said).toBe('')
  })

  it('started through nice and ionice keeps its arguments, stands back, and still dies with us', async () => {
    const through = await startedThrough(createToolFinder(), { nice: 7, ioniceClass: 'idle' })
    const { file, args } = boundToUs(
      setpriv,
      '/bin/sh',
      ['-c', 'nice; ionice; echo "$1"', 'sh', 'a b'],
      through,
    )
    const { stdout, status } = spawnSync(file, args, { encoding: 'utf8' })
    expect(status).toBe(0)
    const [nice, io, argument] = stdout.trim().split('\n')
    expect(Number(nice)).toBeGreaterThanOrEqual(7)
    expect(io).toBe('idle')
    expect(argument).toBe('a b')
    const missing = boundToUs(setpriv, '/nowhere/pg_dump', [], through)
    const gone = spawnSync(missing.file, missing.args, { encoding: 'utf8' })
    expect(gone.status).toBe(127)
    expect(saysNotStarted(gone.stderr)).toBe(true)
  })

  it('says which tool is missing when it is asked to stand back', async () => {
    const tools = createToolFinder({ path: '/nowhere' })
    await expect(startedThrough(tools, {})).resolves.toEqual([])
    await expect(startedThrough(tools, { ioniceClass: 'idle' })).rejects.toMatchObject({
      code: 'tool.missing',
      context: { tool: 'ionice', package: 'util-linux' },
    })
  })

  it('that does not exist is told apart from one that exits 127', () => {
    const missing = boundToUs(setpriv, '/nowhere/pg_dump', [])
    const { stderr, status } = spawnSync(missing.file, missing.args, { encoding: 'utf8' })
    expect(status).toBe(127)
    expect(saysNotStarted(stderr)).toBe(true)
    expect(saysNotStarted('pg_dump: error: exec: whatever')).toBe(false)
  })
})
