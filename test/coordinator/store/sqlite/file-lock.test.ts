import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../../../coordinator/store/index.ts'
import { lockPathOf } from '../../../../coordinator/store/sqlite/open-sqlite.ts'
import { systemClock } from '../../../../shared/clock/index.ts'
import { silentLog } from '../../../../shared/log/index.ts'
import { startProcess, temporaryFolder, waitUntil } from '../../../harness/index.ts'
import { freshStore } from '../fresh-store.ts'

const open = (path: string) => openStore({ url: `sqlite:${path}`, clock: systemClock, log: silentLog })

test('a second coordinator on the same file is refused in the same process, and leaves the first at work', async () => {
  await using fresh = await freshStore()
  await expect(open(fresh.path)).rejects.toMatchObject({ code: 'store.locked' })
  await expect(open(fresh.path)).rejects.toMatchObject({ code: 'store.locked' })
  expect(await fresh.store.write('x', async () => 'still leads')).toBe('still leads')
})

test('the lock is held while its holder lives or is stopped, and free after kill -9', async () => {
  await using folder = await temporaryFolder('lock')
  const path = join(folder.path, 'holdfast.db')
  const logFile = join(folder.path, 'holder.log')
  const holder = await startProcess(
    process.execPath,
    [join(import.meta.dirname, 'hold-lock.ts'), lockPathOf(path)],
    { name: 'lock holder', logFile },
  )
  await waitUntil(async () => (await readFile(logFile, 'utf8').catch(() => '')).includes('held'), {
    what: 'the lock to be held',
  })
  await expect(open(path)).rejects.toMatchObject({ code: 'store.locked' })
  holder.signal('SIGSTOP')
  await expect(open(path)).rejects.toMatchObject({ code: 'store.locked' })
  holder.signal('SIGKILL')
  await holder.exited
  const store = await open(path)
  await store.close()
})

test('a store that cannot be opened says where', async () => {
  await expect(open('/proc/no/holdfast.db')).rejects.toMatchObject({
    code: 'store.unavailable',
    context: { path: '/proc/no/holdfast.db' },
  })
})

test('a file that is no database is refused, and its lock is given back', async () => {
  await using folder = await temporaryFolder('lock')
  const path = join(folder.path, 'deep/er/holdfast.db')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(
    path,
    'not a database, but long enough to have a header that is not one of SQLite'.repeat(20),
  )
  await expect(open(path)).rejects.toMatchObject({ code: 'store.unavailable' })
  await rm(path)
  const store = await open(path)
  await store.close()
})

test('makes missing folders, readable by nobody else', async () => {
  await using folder = await temporaryFolder('lock')
  const path = join(folder.path, 'deep/er/holdfast.db')
  const store = await open(path)
  await store.close()
  for (const made of [dirname(path), path]) expect((await stat(made)).mode & 0o077).toBe(0)
})
