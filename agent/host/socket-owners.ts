import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** A process that a socket belongs to. */
export interface SocketOwner {
  readonly pid: number
  readonly program: string
}

interface Process extends SocketOwner {
  readonly parent: number
}

/**
 * Whose sockets those are, as far as this user may look: of another user's process nobody but root may. Children that
 * share their parent's program are passed over: a server's workers hold no listening socket of their own.
 */
export async function ownersOf(
  inodes: ReadonlySet<string>,
  proc = '/proc',
): Promise<ReadonlyMap<string, SocketOwner>> {
  const processes = await readProcesses(proc)
  const owners = new Map<string, SocketOwner>()
  for (const { pid, program, parent } of processes.values()) {
    if (owners.size === inodes.size) break
    if (processes.get(parent)?.program === program) continue
    const folder = join(proc, String(pid), 'fd')
    for (const name of await readdir(folder).catch(() => [])) {
      const target = await readlink(join(folder, name)).catch(() => '')
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
      if (inode !== undefined && inodes.has(inode) && !owners.has(inode)) owners.set(inode, { pid, program })
    }
  }
  return owners
}

async function readProcesses(proc: string): Promise<ReadonlyMap<number, Process>> {
  const processes = new Map<number, Process>()
  for (const name of await readdir(proc).catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(join(proc, name, 'stat'), 'utf8').catch(() => '')
    // a program's name may have blanks and brackets
    const [, program, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(stat) ?? []
    if (program !== undefined)
      processes.set(Number(name), { pid: Number(name), program, parent: Number(parent) })
  }
  return processes
}
