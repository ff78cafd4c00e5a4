import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../../agent/standalone/program.ts'
import { temporaryFolder } from '../../harness/index.ts'

async function command(...argv: readonly string[]) {
  let out = ''
  let err = ''
  const status = await run(argv, {
    out: text => {
      out += text
    },
    err: text => {
      err += text
    },
    interactive: false,
    columns: () => 100,
    stop: new AbortController().signal,
    abort: new AbortController().signal,
    environment: {},
  })
  return { status, out, err }
}

describe('holdfast-agent', () => {
  it.each([
    ['--help'],
    ['run', '--help'],
    ['backup', '--help'],
    ['restore', '--help'],
    ['verify', '--help'],
    ['doctor', '--help'],
    ['config', 'show', '--help'],
    ['version', '--help'],
  ])('%s %s has an example', async (...argv) => {
    const { status, out } = await command(...argv)
    expect(status).toBe(0)
    expect(out).toMatch(/Examples?:\n\s+\$ holdfast-agent /)
  })

  it.each([
    [['backup', '--engine', 'oracle'], 2, 'usage.invalid'],
    [['backup', '--engine', 'postgres', '--to', 's3://bucket'], 2, 'usage.invalid'],
    [['backup', '--engine', 'postgres', '--database', 'x', '--to', 'ftp://x'], 2, 'destination.invalid'],
    [
      ['backup', '--engine', 'postgres', '--database', 'x', '--to', 's3://key:secret@bucket/x'],
      2,
      'destination.invalid',
    ],
    [['backup', '--engine', 'postgres', '--port', 'x'], 2, 'usage.invalid'],
    [['restore', '--from', 's3://bucket/x.json', '--into', 'y'], 2, 'usage.invalid'],
    [['verify', '--from', 's3://bucket/x.json'], 2, 'usage.invalid'],
    [
      ['run', '--coordinator', '10.0.0.1:7400', '--insecure-loopback', '--state-dir', '/tmp'],
      10,
      'link.plaintext-refused',
    ],
    [['run', '--coordinator', 'nonsense'], 10, 'config.invalid'],
    [['run', '--config', '/nonexistent.yaml'], 10, 'config.unreadable'],
    [['nonsense'], 2, 'usage.invalid'],
  ])('%j ends with %i and tells code and hint', async (argv, exit, code) => {
    const { status, err } = await command(...argv)
    expect(err).toContain(`[${code}]`)
    expect(err).toContain('hint: ')
    expect(err).not.toContain('secret@')
    expect(status).toBe(exit)
  })

  it('errors are JSON too when asked for', async () => {
    const { status, out } = await command(
      'backup',
      '--engine',
      'postgres',
      '--to',
      's3://bucket',
      '-o',
      'json',
    )
    expect(status).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ ok: false, error: { code: 'usage.invalid' } })
  })

  it('a destination folder that is not there ends with the exit status of its class and leaves no state', async () => {
    await using folder = await temporaryFolder('standalone')
    const state = join(folder.path, 'state')
    const { status, err } = await command(
      ...['backup', '--engine', 'postgres', '--database', 'x', '--port', '1', '--state-dir', state],
      ...['--to', `file://${folder.path}/missing`],
    )
    expect(err).toContain('[object-store.bucket-missing]')
    expect(status).toBe(30)
    expect(await readdir(state)).toEqual([])
  })

  it('a restore from what is no manifest says so', async () => {
    await using folder = await temporaryFolder('standalone')
    await mkdir(join(folder.path, 'bucket'))
    const { status, err } = await command(
      ...['restore', '--into', 'x', '--state-dir', join(folder.path, 'state')],
      ...['--from', `file://${folder.path}/bucket/v1/manifests/2026/11/22/att_x.json`],
    )
    expect(err).toContain('[object-store.not-found]')
    expect(status).toBe(30)
  })
})
