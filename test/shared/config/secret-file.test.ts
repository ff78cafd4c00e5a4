import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSecretFile } from '../../../shared/config/secret-file.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secret-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function secret(text: string, mode: number): Promise<string> {
  const path = join(folder, `${mode.toString(8)}-${text.length}`)
  await writeFile(path, text)
  await chmod(path, mode)
  return path
}

describe('a secret file', () => {
  it.each([0o640, 0o604, 0o660, 0o620, 0o610])('of mode %o is refused, naming path and mode', async mode => {
    const path = await secret('x', mode)
    await expect(readSecretFile(path)).rejects.toMatchObject({
      code: 'secret.exposed',
      context: { path, mode: `0${mode.toString(8)}` },
    })
  })

  it('that is missing, a folder or far too large is refused', async () => {
    await expect(readSecretFile(join(folder, 'none'))).rejects.toMatchObject({
      code: 'secret.unreadable',
      context: { detail: 'ENOENT' },
    })
    await chmod(folder, 0o700)
    await expect(readSecretFile(folder)).rejects.toMatchObject({ code: 'secret.unreadable' })
    await expect(readSecretFile(await secret('x'.repeat(70_000), 0o600))).rejects.toMatchObject({
      code: 'secret.unreadable',
    })
  })

  it('loses one newline at its end and nothing else', async () => {
    expect(await readSecretFile(await secret(' p w\n\n', 0o600))).toBe(' p w\n')
    expect(await readSecretFile(await secret('pw\r\n', 0o400))).toBe('pw')
    expect(await readSecretFile(await secret('pw', 0o600))).toBe('pw')
  })
})
