import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A fresh identity in a 0600 file of `folder`, and its recipient. */
export async function identityFile(
  folder: string,
  name: string,
): Promise<{ readonly path: string; readonly recipient: string; readonly secret: string }> {
  const text = spawnSync('age-keygen').stdout.toString()
  const recipient = /public key: (age1\S+)/.exec(text)?.[1] ?? ''
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o600 })
  return { path, recipient, secret: /AGE-SECRET-KEY-1\S+/.exec(text)?.[0] ?? '' }
}
