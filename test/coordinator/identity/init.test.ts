import { X509Certificate } from 'node:crypto'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../../../coordinator/commands/program.ts'
import { identityOf, loadMaterial } from '../../../shared/tls/index.ts'
import { temporaryFolder } from '../../harness/index.ts'

async function init(...args: readonly string[]) {
  let out = ''
  let err = ''
  const { signal } = new AbortController()
  const exit = await run(['init', ...args], {
    out: text => {
      out += text
    },
    err: text => {
      err += text
    },
    stop: signal,
    abort: signal,
  })
  return { exit, out, err }
}

describe('holdfast-coordinator init', () => {
  test('makes a CA, the certificate of the listener and an admin, keys for their owner only', async () => {
    await using folder = await temporaryFolder('init')
    const dir = join(folder.path, 'pki')
    const { exit, out } = await init('--dir', dir, '--name', 'backup.example', '--name', '10.0.0.5')
    expect(exit).toBe(0)
    for (const key of ['ca.key', 'server.key', 'admin/client.key'])
      expect((await stat(join(dir, key))).mode & 0o777, key).toBe(0o600)
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    const server = await loadMaterial({
      caFile: join(dir, 'ca.crt'),
      certificateFile: join(dir, 'server.crt'),
      keyFile: join(dir, 'server.key'),
    })
    expect(server.chain[0]?.checkHost('backup.example')).toBe('backup.example')
    expect(server.chain[0]?.checkIP('10.0.0.5')).toBe('10.0.0.5')
    expect(server.chain[0]?.checkHost('localhost')).toBeUndefined()
    const admin = new X509Certificate(await readFile(join(dir, 'admin/client.crt')))
    expect(identityOf(admin)).toMatchObject({ kind: 'operator', name: 'admin' })
    expect(admin.verify((server.ca[0] as X509Certificate).publicKey)).toBe(true)
    const fingerprint = server.ca[0]?.fingerprint256.replaceAll(':', '').toLowerCase()
    expect(out).toContain(`fingerprint is ${fingerprint}`)
    expect(out).not.toContain('PRIVATE KEY')
  })

  test('overwrites nothing, and then makes nothing', async () => {
    await using folder = await temporaryFolder('init')
    await writeFile(join(folder.path, 'server.key'), 'mine')
    const { exit, err } = await init('--dir', folder.path)
    expect(exit).toBe(12)
    expect(err).toContain('tls.exists')
    expect(await readFile(join(folder.path, 'server.key'), 'utf8')).toBe('mine')
    expect(await readdir(folder.path)).toEqual(['server.key'])
  })

  test('a second time is refused', async () => {
    await using folder = await temporaryFolder('init')
    const dir = join(folder.path, 'pki')
    await init('--dir', dir)
    const before = await readFile(join(dir, 'ca.crt'), 'utf8')
    expect((await init('--dir', dir)).exit).toBe(12)
    expect(await readFile(join(dir, 'ca.crt'), 'utf8')).toBe(before)
  })

  test.runIf(process.getuid?.() !== 0)('a folder that cannot be written is said so', async () => {
    await using folder = await temporaryFolder('init')
    await chmod(folder.path, 0o500)
    expect((await init('--dir', join(folder.path, 'pki'))).err).toContain('tls.unwritable')
  })
})
