import { readdirSync, readFileSync } from 'node:fs'
import { waitUntil } from '../harness/index.ts'

/** A process as /proc tells it; `startedAt` tells it from a later one of the same number. */
export interface SeenProcess {
  readonly pid: number
  readonly parent: number
  readonly name: string
  readonly startedAt: string
  readonly zombie: boolean
}

/** Every process below `pid`, children of children too. */
export function descendants(pid: number): SeenProcess[] {
  const all = processes()
  const found: SeenProcess[] = []
  const below = (parent: number): void => {
    for (const each of all)
      if (each.parent === parent) {
        found.push(each)
        below(each.pid)
      }
  }
  below(pid)
  return found.filter(each => !each.zombie)
}

/** The one child of that name at work, once it is there: before each dump its tool is only asked for its version. */
export function child(pid: number, name: string): Promise<SeenProcess> {
  return waitUntil(() => descendants(pid).find(each => each.name === name && isAtWork(each.pid)), {
    what: `${name} below process ${pid}`,
    timeout: 20_000,
  })
}

function isAtWork(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('--version')
  } catch {
    return false
  }
}

/** Those of them that still run. */
export function stillAlive(seen: readonly SeenProcess[]): SeenProcess[] {
  const now = processes()
  return seen.filter(former =>
    now.some(each => each.pid === former.pid && each.startedAt === former.startedAt && !each.zombie),
  )
}

function processes(): SeenProcess[] {
  return readdirSync('/proc').flatMap(entry => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      // the name may hold spaces and brackets; after the last bracket come state, parent, …
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return [
        {
          pid: Number(entry),
          parent: Number(fields[1]),
          name,
          startedAt: fields[19] ?? '',
          zombie: fields[0] === 'Z' || fields[0] === 'X',
        },
      ]
    } catch {
      return []
    }
  })
}
