import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks in a second, as `/proc` counts: fixed for user space on Linux. */
const ticks = 100

interface ProcessTimes {
  readonly pid: number
  readonly parent: number
  /** Core-seconds of the process and of all it has waited for. */
  readonly seconds: number
}

function timesOf(pid: number): ProcessTimes | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name stands in brackets and may hold anything
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15)
  return { pid, parent: fields[1] ?? 0, seconds: (user + system + childrenUser + childrenSystem) / ticks }
}

/** Core-seconds of processes and of everything below them, so far; of those that have ended too, once they were waited for. */
export function cpuOf(roots: readonly number[]): number {
  const all = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => timesOf(Number(name)) ?? [])
  const children = Map.groupBy(all, each => each.parent)
  let sum = 0
  const open = all.filter(each => roots.includes(each.pid))
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    sum += each.seconds
    open.push(...(children.get(each.pid) ?? []))
  }
  return sum
}

/** The direct children of this process, by their pids. */
export function ownChildren(): readonly number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => timesOf(Number(name)) ?? [])
    .filter(each => each.parent === process.pid)
    .map(each => each.pid)
}

/** Core-seconds the whole machine has worked so far. */
export function cpuOfMachine(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
    /^cpu .*$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[0].split(/\s+/).map(Number) ?? []
  return (user + nice + system + irq + softirq) / ticks
}
