import { Worker } from 'node:worker_threads'
import type { Log } from '../../../shared/log/index.ts'

// Well before the 20,000 pages after which a commit would do it. Steps that take in much write hundreds of pages, but there
// are few of those in a second
const stepsBetween = 500
const patienceMs = 1_000
const leastSteps = 50

// As text: a single-file build has no file beside it that a worker could load (facts-runtime D6)
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads')
const { DatabaseSync } = require('node:sqlite')
const db = new DatabaseSync(workerData.path, { timeout: 5000 })
parentPort.on('message', () => {
  try { db.exec('pragma wal_checkpoint(passive)') } catch (error) { parentPort.postMessage(String(error)) }
})
`

/**
 * Moves the write-ahead log into the database from a second connection in a worker, so that no commit has to
 * (an automatic checkpoint inside a commit blocked the loop for 139 ms, facts-runtime B3). The worker starts
 * with the first checkpoint; short-lived stores never have one.
 */
export class Checkpointer {
  readonly #path: string
  readonly #log: Log
  #worker: Worker | undefined
  #steps = 0
  #askedAt = 0

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  /** Counts what was committed; asks for a checkpoint now and then. */
  committed(steps: number): void {
    this.#steps += steps
    const now = performance.now()
    if (this.#steps < stepsBetween && (this.#steps < leastSteps || now - this.#askedAt < patienceMs)) return
    this.#steps = 0
    this.#askedAt = now
    this.#worker ??= this.#start()
    this.#worker.postMessage('checkpoint')
  }

  /** Ends the worker. The last connection to close checkpoints what is left. */
  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): Worker {
    const worker = new Worker(workerSource, { eval: true, workerData: { path: this.#path }, execArgv: [] })
    worker.unref()
    worker.on('message', message => this.#log.warn('a checkpoint of the store failed', { detail: message }))
    worker.on('error', error => {
      this.#log.warn('the checkpoint worker of the store ended', { error })
      this.#worker = undefined
    })
    return worker
  }
}
