/**
 * Runs a benchmark by its name: `npm run bench -- NAME [--json]`. A benchmark is a file in this folder that
 * exports `description` (one line) and `run(report)`; without `--json` its report lines go to the terminal,
 * with it the last line is one JSON object.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** What a benchmark measured: names carry their unit, e.g. `seconds`, `mib_per_second`. */
export type BenchResult = Readonly<Record<string, string | number | boolean>>

/** What each benchmark file exports. */
export interface Benchmark {
  readonly description: string
  run(report: (line: string) => void): Promise<BenchResult>
}

const folder = import.meta.dirname

function names(): readonly string[] {
  return readdirSync(folder)
    .filter(file => file.endsWith('.ts') && file !== 'run.ts')
    .map(file => file.slice(0, -'.ts'.length))
    .sort()
}

async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json')
  const [name, ...more] = args.filter(arg => arg !== '--json')
  const known = names()
  const list = known.length === 0 ? 'there are none yet' : `known: ${known.join(', ')}`
  if (name === undefined || more.length > 0 || name.startsWith('-')) {
    console.error(`usage: npm run bench -- NAME [--json]; ${list}`)
    return 2
  }
  if (!known.includes(name)) {
    console.error(`no benchmark is called "${name}"; ${list}`)
    return 2
  }
  const benchmark = (await import(join(folder, `${name}.ts`))) as Benchmark
  if (!json) console.log(`${name}: ${benchmark.description}`)
  const result = await benchmark.run(json ? () => {} : line => console.log(line))
  if (json) console.log(JSON.stringify({ benchmark: name, ...result }))
  else for (const [key, value] of Object.entries(result)) console.log(`${key.padEnd(28)} ${value}`)
  return 0
}

process.exitCode = await main(process.argv.slice(2))
