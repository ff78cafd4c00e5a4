import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { AuthorityPem } from './certified.ts'
import type { LoadCount, LoadOrder } from './load-process.ts'

/** Agents a load process holds: more of them and it is the one that is measured. */
const agentsEach = 1_250

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
    const count = Math.ceil(options.agents / agentsEach)
    const children = Array.from({ length: count }, () =>
      fork(join(import.meta.dirname, 'load-process.ts'), {
        execArgv: ['--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    )
    const each = Math.ceil(options.agents / count)
    for (const [index, child] of children.entries())
      order(child, {
        what: 'connect',
        address: options.address,
        from: index * each,
        agents: Math.min(each, options.agents - index * each),
        databases: options.databases,
        rate: options.rate / count,
        ...(options.authority === undefined ? {} : { authority: options.authority }),
      })
    return new Fleet(children)
  }

  /** All tell of their databases, and do the jobs they are given. */
  tell(): void {
    for (const child of this.#children) order(child, { what: 'tell' })
  }

  /** What happened since the last count; `connected`, `lost`, `started` and `recorded` since the start. */
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
      started: sum(each => each.started),
      recorded: sum(each => each.recorded),
      beats: counts.flatMap(each => each.beats),
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
