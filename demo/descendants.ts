import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** Ends every process that descends from this one: SIGTERM, and after the grace SIGKILL. Whatever is still being started meanwhile is ended too. */
export async function endDescendants(graceMs: number): Promise<void> {
  const asked = new Set<number>()
  const began = performance.now()
  for (;;) {
    const alive = descendants()
    if (alive.length === 0) return
    const late = performance.now() - began > graceMs
    for (const pid of alive) {
      if (!late && asked.has(pid)) continue
      asked.add(pid)
      signal(pid, late ? 'SIGKILL' : 'SIGTERM')
    }
    if (performance.now() - began > graceMs + 10_000) return
    await pause(50)
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // gone meanwhile
  }
}

/** Without zombies, and without the watcher of the temporary folders, which ends by itself and must outlive us. */
function descendants(): number[] {
  const children = new Map<number, number[]>()
  const watchers = new Set<number>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    const status = text(`/proc/${pid}/status`)
    const parent = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1])
    if (!Number.isInteger(parent) || /^State:\s+[ZX]/m.test(status)) continue
    children.set(parent, [...(children.get(parent) ?? []), pid])
    if (text(`/proc/${pid}/cmdline`).includes('holdfast-watcher')) watchers.add(pid)
  }
  const found: number[] = []
  const look = (parent: number) => {
    for (const child of children.get(parent) ?? []) {
      if (watchers.has(child)) continue
      found.push(child)
      look(child)
    }
  }
  look(process.pid)
  return found
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
