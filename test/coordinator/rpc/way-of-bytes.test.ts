import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadCoordinatorConfig, settingsOf } from '../../../coordinator/config.ts'
import { temporaryFolder } from '../../harness/index.ts'

async function policyOf(keys: string) {
  await using folder = await temporaryFolder('config')
  const file = join(folder.path, 'coordinator.yaml')
  await writeFile(
    file,
    `destinations: { main: { url: "file:///x" } }\npolicies:\n  - { name: p, destination: main${keys} }\n`,
  )
  const [policy] = settingsOf(loadCoordinatorConfig(file, {}, {}).value).policies
  if (policy === undefined) throw new Error('no policy')
  return policy
}

describe('how bytes travel, by policy', () => {
  it('is said by strategy, rate and idle time-out', async () => {
    expect(await policyOf(', strategy: staged, max_rate: 50MB, idle_timeout: 5m')).toMatchObject({
      strategy: 'staged',
      maxRate: 50e6,
      idleTimeout: 300_000,
    })
  })

  it('is nothing of a policy that does not speak of it: its version is what it was', async () => {
    const plain = await policyOf('')
    expect(Object.keys(plain)).not.toContain('strategy')
    expect((await policyOf(', strategy: staged')).version).not.toBe(plain.version)
  })

  it.each(['strategy: tape', 'max_rate: fast', 'idle_timeout: 1s'])('%s is refused', async keys => {
    await expect(policyOf(`, ${keys}`)).rejects.toMatchObject({ code: 'config.invalid' })
  })
})
