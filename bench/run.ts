/**
 * Runs a benchmark by its name: `npm run bench -- NAME [--json]`. A benchmark is a file in this folder that
 * exports `description` (one line) and `run(report, args)`; with `--json` the last line on stdout is one JSON
 * object and all else goes to stderr. One that exports `takesOptions` reads further arguments itself.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchRow } from './row.ts'

/** What a benchmark measured: names carry their unit, e.g. `seconds`, `mib_per_second`. */
export type BenchResult = Readonly<Record<string, string | number | boolean>>

/** Rows, told to people by the benchmark itself; `status` is the exit status. */
export interface BenchAnswer {
  readonly rows?: readonly BenchRow[]
  readonly status: number
}

/** What each benchmark file exports. */
export interface Benchmark {
  readonly description: string
  readonly takesOptions?: boolean
  run(report: (line: string) => void, args: readonly string[]): Promise<BenchResult | BenchAnswer>
}

const folder = import.meta.dirname
const notBenchmarks = ['run.ts', 'row.ts', 'table.ts']

function names(): readonly string[] {
  return readdirSync(folder)
    .filter(file => file.endsWith('.ts') && !notBenchmarks.includes(file))
    .map(file => file.slice(0, -'.ts'.length))
    .sort()
}

async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json')
  const [name, ...more] = args.filter(arg => arg !== '--json')
  const known = names()
  const list = known.length === 0 ? 'there are none yet' : `known: ${known.join(', ')}`
  const usage = () => {
    console.error(`usage: npm run bench -- NAME [--json]; ${list}`)
    return 2
  }
  if (name === undefined || name.startsWith('-')) return usage()
  if (!known.includes(name)) {
    console.error(`no benchmark is called "${name}"; ${list}`)
    return 2
  }
  const benchmark = (await import(join(folder, `${name}.ts`))) as Benchmark
  if (more.length > 0 && benchmark.takesOptions !== true) return usage()
  if (!json && benchmark.takesOptions !== true) console.log(`${name}: ${benchmark.description}`)
  const report = (line: string) => (json ? console.error(line) : console.log(line))
  const result = await benchmark.run(report, more)
  if (isAnswer(result)) {
    if (json && result.rows !== undefined) console.log(JSON.stringify({ bench: name, rows: result.rows }))
    return result.status
  }
  if (json) console.log(JSON.stringify({ benchmark: name, ...result }))
  else for (const [key, value] of Object.entries(result)) console.log(`${key.padEnd(28)} ${value}`)
  return 0
}

function isAnswer(result: BenchResult | BenchAnswer): result is BenchAnswer {
  return typeof result.status === 'number' && (result.rows === undefined || Array.isArray(result.rows))
}

process.exitCode = await main(process.argv.slice(2))
