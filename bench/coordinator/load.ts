import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Where the coordinator is and what the agent says it has. */
export interface LoadOptions {
  readonly port: number
  readonly statusPort: number
  readonly instances: number
  readonly databasesEach: number
}

/** How long a kind of call took its caller, milliseconds. */
export interface Latency {
  readonly name: string
  readonly value: number
  readonly unit: 'ms'
}

/** What the thread is asked for. */
export interface Order {
  readonly what: 'inventory' | 'scrapes' | 'lists' | 'end'
  /** For how long, milliseconds. */
  readonly span?: number
}

/** The world around the coordinator, in a thread of its own: one agent, a scraper, operators. */
export class Load implements AsyncDisposable {
  readonly #worker: Worker

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Resolves once the agent is connected and knows its instances. */
  static async start(options: LoadOptions): Promise<Load> {
    const worker = new Worker(new URL('./load-thread.ts', import.meta.url), { workerData: options })
    await once(worker, 'message')
    return new Load(worker)
  }

  /** `inventory`: the agent reports every database, and does the jobs it is given from now on. */
  async ask(what: 'inventory' | 'end'): Promise<void> {
    await this.#order({ what })
  }

  /** Scrapes `/metrics` each second. */
  scrapes(span: number): Promise<readonly Latency[]> {
    return this.#order({ what: 'scrapes', span })
  }

  /** Asks for first pages and the status, one after the other. */
  lists(span: number): Promise<readonly Latency[]> {
    return this.#order({ what: 'lists', span })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ask('end')
    await this.#worker.terminate()
  }

  async #order(order: Order): Promise<readonly Latency[]> {
    const answered = once(this.#worker, 'message')
    this.#worker.postMessage(order)
    const [answer] = (await answered) as [readonly Latency[]]
    return answer
  }
}
