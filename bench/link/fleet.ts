import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { AuthorityPem } from './certified.ts'
import type { LoadCount, LoadOrder } from './load-process.ts'

/** Agents a load process holds: more of them and it is the one that is measured. */
const agentsEach = 1_250
/** Of them, in a process of their own that has little else to do: what it measures is the coordinator's time. */
const watchers = 40
/** Between two round trips of a watcher, ms. */
const probeEvery = 1_000

/** A fleet of agents in processes of their own. */
export class Fleet implements AsyncDisposable {
  readonly #children: readonly ChildProcess[]

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children
  }

  /** Begins to connect; `rate` connections a second in all. */
  static start(options: {
    readonly address: string
    readonly agents: number
    readonly databases: number
    readonly rate: number
    readonly authority?: AuthorityPem
  }): Fleet {
    const watched = Math.min(watchers, Math.ceil(options.agents / 10))
    const many = options.agents - watched
    const each = Math.ceil(many / Math.ceil(many / agentsEach))
    const launch = (from: number, agents: number, further: { readonly probeEvery?: number } = {}) => {
      const child = fork(join(import.meta.dirname, 'load-process.ts'), {
        execArgv: ['--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      const { address, databases, authority } = options
      order(child, {
        what: 'connect',
        address,
        from,
        agents,
        databases,
        rate: (options.rate * agents) / options.agents,
        ...further,
        ...(authority === undefined ? {} : { authority }),
      })
      return child
    }
    const children: ChildProcess[] = []
    for (let from = 0; from < many; from += each) children.push(launch(from, Math.min(each, many - from)))
    children.push(launch(many, watched, { probeEvery }))
    return new Fleet(children)
  }

  /** All tell of their databases, and do the jobs they are given. */
  tell(): void {
    for (const child of this.#children) order(child, { what: 'tell' })
  }

  /** What happened since the last count; `connected` now, `lost`, `dialledInVain`, `started` and `recorded` since the start. */
  async count(): Promise<LoadCount> {
    const counts = await Promise.all(
      this.#children.map(async child => {
        const answered = once(child, 'message')
        order(child, { what: 'count' })
        const [count] = (await answered) as [LoadCount]
        return count
      }),
    )
    const sum = (pick: (count: LoadCount) => number) => counts.reduce((total, each) => total + pick(each), 0)
    const seconds = new Map<number, number>()
    for (const [second, starts] of counts.flatMap(each => each.startsBySecond))
      seconds.set(second, (seconds.get(second) ?? 0) + starts)
    return {
      connected: sum(each => each.connected),
      lost: sum(each => each.lost),
      dialledInVain: sum(each => each.dialledInVain),
      started: sum(each => each.started),
      recorded: sum(each => each.recorded),
      roundTrips: counts.flatMap(each => each.roundTrips),
      unanswered: sum(each => each.unanswered),
      ownDelay: Math.max(...counts.map(each => each.ownDelay)),
      firstStarts: counts.flatMap(each => each.firstStarts),
      startsBySecond: [...seconds],
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map(async child => {
        const gone = once(child, 'exit')
        if (child.connected) order(child, { what: 'end' })
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
        await gone
        clearTimeout(timer)
      }),
    )
  }
}

function order(child: ChildProcess, what: LoadOrder): void {
  child.send(what)
}
