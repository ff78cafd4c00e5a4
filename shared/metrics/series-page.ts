import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { AppError } from '../errors/index.ts'

/** A gauge with one series for each row. */
export interface SeriesDeclaration {
  /** Without the prefix. */
  readonly name: string
  readonly help: string
  /** Labels this metric has beside those of all; their values are the row's `also`. */
  readonly also?: readonly string[]
}

/** One thing that is shown. */
export interface SeriesRow {
  /** In the order of the page's labels. */
  readonly labels: readonly string[]
  /** For metrics with labels of their own. */
  readonly also: readonly string[]
  /** One for each metric, in order; `null` leaves its series out. */
  readonly values: readonly (number | null)[]
}

export interface SeriesPageOptions {
  /** Default `holdfast_`. */
  readonly prefix?: string
  readonly labels: readonly string[]
  readonly series: readonly SeriesDeclaration[]
  /** Bytes a block of the answer has at least, but for the last; default 256 KiB. */
  readonly blockBytes?: number
}

/** How many rows are handed over in one turn of the loop. */
const rowsAtOnce = 500

/**
 * Renders very many series without holding the event loop: rows are handed to a worker in small pieces, text
 * comes back in blocks, at the reader's pace. What that costs: ADR 0011.
 *
 * @throws AppError `internal` when the worker fails
 */
export async function* renderSeries(
  rows: Iterable<SeriesRow>,
  options: SeriesPageOptions,
): AsyncGenerator<Uint8Array> {
  const { prefix = 'holdfast_', labels, series, blockBytes = 256 * 1024 } = options
  const worker = new Worker(source, {
    eval: true,
    execArgv: [],
    workerData: { prefix, labels, series, blockBytes },
  })
  try {
    let piece: SeriesRow[] = []
    for (const row of rows) {
      piece.push(row)
      if (piece.length < rowsAtOnce) continue
      worker.postMessage(piece)
      piece = []
      await turn()
    }
    worker.postMessage(piece)
    for (;;) {
      const block = await nextBlock(worker)
      if (block === undefined) return
      yield block
    }
  } finally {
    await worker.terminate()
  }
}

function nextBlock(worker: Worker): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) =>
      reject(new AppError('internal', { message: 'rendering failed', cause }))
    worker.once('error', failed)
    worker.once('message', (block: Uint8Array | null) => {
      worker.off('error', failed)
      resolve(block ?? undefined)
    })
    worker.postMessage('more')
  })
}

interface Job {
  readonly prefix: string
  readonly labels: readonly string[]
  readonly series: readonly SeriesDeclaration[]
  readonly blockBytes: number
}

/** Runs in the worker, as text: it may use nothing from outside of itself. All lines of a metric stand together. */
function* blocksOf(job: Job, rows: readonly SeriesRow[]): Generator<string> {
  const text = (value: string) => value.replace(/[\\"\n]/g, found => (found === '\n' ? '\\n' : `\\${found}`))
  const pairs = (names: readonly string[], values: readonly string[]) =>
    names.map((name, i) => `${name}="${text(values[i] ?? '')}"`).join(',')
  const common = rows.map(row => pairs(job.labels, row.labels))
  let block = ''
  for (const [at, { name, help, also }] of job.series.entries()) {
    const full = job.prefix + name
    block += `# HELP ${full} ${help}\n# TYPE ${full} gauge\n`
    for (const [i, row] of rows.entries()) {
      const value = row.values[at]
      if (value === null || value === undefined) continue
      block += `${full}{${common[i]}${also === undefined ? '' : `,${pairs(also, row.also)}`}} ${value}\n`
      if (block.length < job.blockBytes) continue
      yield block
      block = ''
    }
  }
  if (block !== '') yield block
}

// As text: a single-file build has no file beside it that a worker could load (facts-runtime D6)
const source = `
const { parentPort, workerData } = require('node:worker_threads')
${blocksOf.toString()}
const rows = []
let blocks
parentPort.on('message', message => {
  if (message !== 'more') { for (const row of message) rows.push(row); return }
  blocks ??= blocksOf(workerData, rows)
  const { value } = blocks.next()
  if (value === undefined) { parentPort.postMessage(null); return }
  const bytes = new Uint8Array(new TextEncoder().encode(value))
  parentPort.postMessage(bytes, [bytes.buffer])
})
`
