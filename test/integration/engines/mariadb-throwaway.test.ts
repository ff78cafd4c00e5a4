import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import { dialects } from '../../../agent/engines/mysql/dialect.ts'
import { withSession } from '../../../agent/engines/mysql/session.ts'
import type { ThrowawayOptions } from '../../../agent/engines/port.ts'
import { createToolFinder } from '../../../agent/process/index.ts'
import type { Requirements } from '../../../shared/model/manifest.ts'
import {
  provision,
  requireServers,
  run,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { contextIn } from './round-trip.ts'

const servers = await requireServers('throw-away servers of MariaDB', 'mariadb')
const { throwaway } = engineFor('mariadb')
const none: Requirements = {
  ...{ extensions: [], preload_libraries: [], locales: [], tablespaces: [], roles: [] },
}
const user = process.getuid?.() === 0 ? 'nobody' : undefined

describe.skipIf(servers.missing)('throw-away servers of MariaDB', () => {
  let folder: TemporaryFolder
  let tools: ReturnType<typeof createToolFinder>

  beforeAll(async () => {
    const found = await provision('mariadb')
    if (!found.available) throw new Error(found.reason)
    folder = await temporaryFolder('throwaway')
    await run('chmod', ['711', folder.path])
    tools = createToolFinder({ folders: [found.bin, join(found.root ?? '/', 'usr/sbin')] })
  })
  afterAll(() => folder?.remove())

  const start = async (options: Partial<ThrowawayOptions> = {}) => {
    const context = await contextIn(folder.path, { tools })
    const own = await mkdtemp(join(folder.path, 't-'))
    const server = await throwaway?.start(
      {
        ...{ serverVersion: '10.11.2-MariaDB', folder: own, requirements: none },
        ...(user === undefined ? {} : { user }),
        ...options,
      },
      context,
    )
    if (server === undefined) throw new Error('MariaDB has throw-away servers')
    const ask = (sql: string) =>
      withSession(server.target, dialects.mariadb, context, {}, session => session.run(sql))
    return { server, ask, own }
  }
  const pidIn = async (path: string) =>
    (JSON.parse(await readFile(join(path, 'server.json'), 'utf8')) as { readonly pid: number }).pid

  it('tells the versions there are', async () => {
    expect(await throwaway?.versions(tools, user)).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+$/)])
    expect(await throwaway?.versions(createToolFinder({ path: '' }), user)).toEqual(
      (await provision('mariadb')).available ? expect.any(Array) : [],
    )
    expect(await engineFor('mysql').throwaway?.versions(tools, user)).toEqual([])
  })

  it('is refused where every server is too old, or of the other family', async () => {
    await expect(start({ serverVersion: '99.1.0-MariaDB' })).rejects.toMatchObject({
      code: 'verify.no-server',
    })
    const context = await contextIn(folder.path, { tools })
    const options = { serverVersion: '8.0.36', folder: folder.path, requirements: none }
    await expect(
      engineFor('mysql').throwaway?.start({ ...options, ...(user === undefined ? {} : { user }) }, context),
    ).rejects.toMatchObject({ code: 'verify.no-server' })
  })

  it('lives in its folder alone, answers on its socket alone, and is gone when it is disposed of', async () => {
    const roles = ["o'dd\\ user@10.%", 'app@localhost', 'root@localhost', 'duty@']
    const { server, ask, own } = await start({
      requirements: { ...none, roles, server_settings: { lower_case_table_names: '1' } },
    })
    expect(server).toMatchObject({
      version: expect.stringMatching(/^10\.11\./),
      sameLine: true,
      running: true,
    })
    expect(
      await ask(
        'SELECT CONCAT_WS(" ", @@skip_networking, @@event_scheduler, @@log_bin, @@lower_case_table_names, @@datadir)',
      ),
    ).toEqual([`ON OFF OFF 1 ${own}/data/`])
    expect(await ask('SELECT CONCAT(user, "@", host) FROM mysql.user')).toEqual(expect.arrayContaining(roles))
    const pid = await pidIn(own)
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const uid = /^Uid:\t(\d+)/m.exec(status)?.[1]
    expect(uid).toBe(String(user === undefined ? process.getuid?.() : 65_534))
    expect(await listeningPorts(pid)).toEqual([])
    // whoever may reach the socket needs the password as well
    expect((await run('stat', ['-c', '%a', own])).stdout.trim()).toBe('700')
    await server[Symbol.asyncDispose]()
    expect(server.running).toBe(false)
    await expect(readFile(`/proc/${pid}/status`)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(ask('SELECT 1')).rejects.toMatchObject({ code: 'database.unreachable' })
    await new Promise<void>(resolve => connect(join(own, 's')).once('error', () => resolve()))
  })

  it('dies with whoever started it', async () => {
    const own = await mkdtemp(join(folder.path, 't-'))
    const script = `
      import { engineFor } from ${JSON.stringify(join(import.meta.dirname, '../../../agent/engines/index.ts'))}
      import { createToolFinder } from ${JSON.stringify(join(import.meta.dirname, '../../../agent/process/index.ts'))}
      const [folder, scratch, folders, user] = process.argv.slice(1)
      const tools = createToolFinder({ folders: folders.split(':') })
      await engineFor('mariadb').throwaway.start(
        { serverVersion: '10.11.2', folder, requirements: { roles: [] }, ...(user === '' ? {} : { user }) },
        { scratch, tools, signal: new AbortController().signal })
      process.kill(process.pid, 'SIGKILL')`
    const found = await provision('mariadb')
    if (!found.available) return
    const { scratch } = await contextIn(folder.path, { tools })
    const folders = [found.bin, join(found.root ?? '/', 'usr/sbin')].join(':')
    await run(
      process.execPath,
      ['--input-type=module-typescript', '-e', script, own, scratch, folders, user ?? ''],
      { allowFailure: true },
    )
    const pid = await pidIn(own)
    await waitUntil(async () => !(await readdir('/proc')).includes(String(pid)), {
      what: 'the orphaned server to go',
    })
  })
})

/** TCP ports a process listens on, as the kernel has them. */
async function listeningPorts(pid: number): Promise<readonly string[]> {
  const links = await run('ls', ['-l', `/proc/${pid}/fd`])
  const sockets = new Set([...links.stdout.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode))
  const tables = await Promise.all(['tcp', 'tcp6'].map(table => readFile(`/proc/net/${table}`, 'utf8')))
  return tables
    .flatMap(table => table.split('\n').slice(1))
    .map(line => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(inode ?? ''))
    .map(([, local = '']) => local)
}
