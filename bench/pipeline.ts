import { cases } from './pipeline/cases.ts'
import { takeCourse, WrongOptions } from './pipeline/course.ts'
import { help, readOptions } from './pipeline/options.ts'
import type { BenchAnswer } from './run.ts'

export const description = 'a backup and a restore against what people pipe together in a shell'
export const takesOptions = true

/** See `--help`. */
export async function run(report: (line: string) => void, args: readonly string[]): Promise<BenchAnswer> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions(args)
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown))
    return { status: 2 }
  }
  if (options.help) {
    console.log(help)
    return { status: 0 }
  }
  if (options.list) {
    for (const each of cases) console.log(`${each.name.padEnd(20)} ${each.what}`)
    return { status: 0 }
  }
  const stop = new AbortController()
  const onSignal = (signal: NodeJS.Signals) => {
    report(`${signal}: ending everything`)
    stop.abort(new Error(`ended by ${signal}`))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  try {
    const rows = await takeCourse(options, stop.signal, report)
    return { rows, status: stop.signal.aborted ? 130 : rows.some(row => row.value === null) ? 1 : 0 }
  } catch (thrown) {
    if (!(thrown instanceof WrongOptions)) throw thrown
    console.error(thrown.message)
    return { status: 2 }
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
}
