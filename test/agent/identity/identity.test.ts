import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DurableFolder, loadIdentity, lockStateFolder } from '../../../agent/identity/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { isId } from '../../../shared/model/identifiers.ts'
import { temporaryFolder } from '../../harness/index.ts'

describe('identity', () => {
  it('stays over restarts, but for the boot', async () => {
    await using folder = await temporaryFolder('identity')
    const state = await DurableFolder.open(join(folder.path, 'new', 'state'))
    const first = await loadIdentity(state, silentLog)
    const second = await loadIdentity(state, silentLog)
    expect(isId('agent', first.agentId)).toBe(true)
    expect(second).toEqual({ ...first, bootId: second.bootId })
    expect(second.bootId).not.toBe(first.bootId)
    expect((await stat(join(state.path, 'identity.json'))).mode & 0o777).toBe(0o600)
    expect((await stat(state.path)).mode & 0o777).toBe(0o700)
  })

  it('is made anew when its file is damaged, which is kept and told', async () => {
    await using folder = await temporaryFolder('identity')
    const state = await DurableFolder.open(folder.path)
    const first = await loadIdentity(state, silentLog)
    await writeFile(join(folder.path, 'identity.json'), '{"version":1,"agent_id":"agt_')
    const warned: string[] = []
    const second = await loadIdentity(state, { ...silentLog, warn: message => warned.push(message) })
    expect(second.agentId).not.toBe(first.agentId)
    expect(warned).toHaveLength(1)
    expect(await readFile(join(folder.path, 'identity.json.damaged'), 'utf8')).toContain('agt_')
  })
})

describe('the lock of the state folder', () => {
  const holder = `
    import { lockStateFolder } from ${JSON.stringify(join(import.meta.dirname, '../../../agent/identity/index.ts'))}
    lockStateFolder(process.argv[1])
    gc() // a lock that nobody keeps a reference to is held all the same
    console.log('held')
    setInterval(() => {}, 1000)`

  it('is refused to a second agent, also while the first is stopped, and free after a kill -9', async () => {
    await using folder = await temporaryFolder('lock')
    const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', holder, folder.path], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    expect(() => lockStateFolder(folder.path)).toThrow(
      expect.objectContaining({ code: 'agent.state-locked' }),
    )
    child.kill('SIGSTOP')
    expect(() => lockStateFolder(folder.path)).toThrow(
      expect.objectContaining({ code: 'agent.state-locked' }),
    )
    child.kill('SIGKILL')
    await once(child, 'close')
    lockStateFolder(folder.path).close()
  })

  it('is free again when closed', async () => {
    await using folder = await temporaryFolder('lock')
    lockStateFolder(folder.path).close()
    const lock = lockStateFolder(folder.path)
    lock.close()
    lock.close()
  })

  it('a folder that is not there is unwritable, not locked', () => {
    expect(() => lockStateFolder('/nonexistent/holdfast')).toThrow(
      expect.objectContaining({ code: 'agent.state-unwritable' }),
    )
  })
})

describe('a durable folder', () => {
  it('keeps the former content when a write fails, and leaves nothing half written', async () => {
    await using folder = await temporaryFolder('durable')
    const durable = await DurableFolder.open(folder.path)
    await durable.write('a', 'first')
    const bad = { toString: () => 'x' } as unknown as string
    await expect(durable.write('a', bad)).rejects.toMatchObject({ code: 'agent.state-unwritable' })
    expect((await durable.read('a'))?.toString()).toBe('first')
    expect(await readdir(folder.path)).toEqual(['a'])
    expect(await durable.read('b')).toBeUndefined()
    await durable.remove('b')
  })
})
