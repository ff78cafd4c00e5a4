import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** What was seen of the processes below some others while they ran. */
export interface ProcessWatch {
  /** Arguments of every process seen, ours too. */
  readonly commands: ReadonlySet<string>
  /** Environments of children, not of the processes themselves: environment → the command first seen with it. */
  readonly environments: ReadonlyMap<string, string>
  /** Files and folders below the watched folders: path → mode, the loosest seen. */
  readonly files: ReadonlyMap<string, number>
  stop(): Promise<void>
}

/** Often enough to see every tool that does any work, ms. */
const between = 25

/** Looks at /proc, again and again, for whatever descends from these processes, and at what lies in these folders. */
export function watchProcesses(roots: () => readonly number[], folders: readonly string[]): ProcessWatch {
  const commands = new Set<string>()
  const environments = new Map<string, string>()
  const files = new Map<string, number>()
  let watching = true
  const look = async () => {
    const parents = await parentsOf()
    const ours = new Set(roots())
    const descends = (pid: number): boolean => {
      for (let each = parents.get(pid); each !== undefined && each > 1; each = parents.get(each))
        if (ours.has(each)) return true
      return false
    }
    const own = new Set(await Promise.all([...ours].map(programOf)))
    await Promise.all(
      [...parents.keys()].map(async pid => {
        const child = descends(pid)
        if (!child && !ours.has(pid)) return
        // between fork and exec a child still is its parent; the order of the readings matters
        const program = await programOf(pid)
        const command = await text(`/proc/${pid}/cmdline`)
        commands.add(command)
        if (!child || program === '' || own.has(program)) return
        const environment = await text(`/proc/${pid}/environ`)
        // a number may be given anew between two readings
        if (command !== (await text(`/proc/${pid}/cmdline`))) return
        if (!environments.has(environment)) environments.set(environment, command)
      }),
    )
    for (const folder of folders) await walk(folder, files)
  }
  const done = (async () => {
    while (watching) {
      await look()
      await pause(between)
    }
  })()
  return {
    ...{ commands, environments, files },
    stop: async () => {
      watching = false
      await done
    },
  }
}

async function parentsOf(): Promise<ReadonlyMap<number, number>> {
  const parents = new Map<number, number>()
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  await Promise.all(
    pids.map(async pid => {
      const [, parent] = /\) \S (\d+) /.exec(await text(`/proc/${pid}/stat`)) ?? []
      if (parent !== undefined) parents.set(Number(pid), Number(parent))
    }),
  )
  return parents
}

async function walk(folder: string, files: Map<string, number>): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name)
    const stat = await lstat(path).catch(() => undefined)
    if (stat !== undefined) files.set(path, (files.get(path) ?? 0) | (stat.mode & 0o777))
    if (entry.isDirectory()) await walk(path, files)
  }
}

/** The program a process runs; '' of one that is gone. Children of ours are never Node. */
async function programOf(pid: number): Promise<string> {
  return readlink(`/proc/${pid}/exe`).catch(() => '')
}

async function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
