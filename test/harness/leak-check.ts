import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, expect } from 'vitest'

import { liveTemporaryFolders, watcherProcess } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

// A set-up file of vitest: its hook is registered first, so it runs after all hooks of the test file itself. It is
// evaluated anew for each file, also where files share a process: each answers for what it left itself

const foldersBefore = new Set(liveTemporaryFolders())
const listenersBefore = new Set(listeners())
const surroundingsBefore = surroundings()
const childrenBefore = new Set(children().map(child => child.pid))

afterAll(async () => {
  const leaks = () => [
    ...liveTemporaryFolders()
      .filter(path => !foldersBefore.has(path))
      .map(path => `temporary folder ${path}`),
    ...children()
      .filter(child => !childrenBefore.has(child.pid) && child.pid !== watcherProcess())
      .map(child => `child process ${child.pid}: ${child.command}`),
    ...listeners()
      .filter(address => !listenersBefore.has(address))
      .map(address => `listening socket ${address}`),
    ...changes(surroundingsBefore, surroundings()),
  ]
  // Sockets and processes that were told to end may need a moment
  await waitUntil(() => leaks().length === 0, { what: 'the test file to clean up', timeout: 3_000 }).catch(
    () => undefined,
  )
  expect(leaks(), 'what outlives this test file').toEqual([])
})

function children(): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = []
  for (const entry of folder('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    const status = text(`/proc/${pid}/status`)
    if (!status.includes(`\nPPid:\t${process.pid}\n`) || /^State:\s+[ZX]/m.test(status)) continue
    found.push({ pid, command: text(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 200) })
  }
  return found
}

// Addresses of this process's own listening TCP sockets, as the kernel knows them
function listeners(): string[] {
  const own = new Set<string>()
  for (const fd of folder('/proc/self/fd')) {
    const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/self/fd/${fd}`))?.[1]
    if (inode !== undefined) own.add(inode)
  }
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap(path => text(path).split('\n').slice(1))
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[3] === '0A' && own.has(fields[9] ?? ''))
    .map(fields => `port ${Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16)}`)
}

// What the next file in this process would see changed. PATH is the harness's own: tools are added to it as they are asked for
function surroundings(): ReadonlyMap<string, string | undefined> {
  const { PATH: _, ...variables } = process.env
  return new Map([['its working directory', process.cwd()], ...Object.entries(variables)])
}

function changes(before: ReturnType<typeof surroundings>, now: ReturnType<typeof surroundings>): string[] {
  return [...new Set([...before.keys(), ...now.keys()])]
    .filter(name => before.get(name) !== now.get(name))
    .map(name => `a change of this process: ${name}`)
}

function folder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
