import { parseArgs } from 'node:util'
import { parseByteSize } from '../../shared/config/index.ts'

/** How the benchmark was asked for. */
export interface PipelineOptions {
  /** Raw bytes of the mixed database's dump. */
  readonly size: number
  readonly rounds: number
  /** Names of cases; empty for all. */
  readonly cases: readonly string[]
  /** Streams of our backups; absent for what the agent does by itself. */
  readonly streams?: number
  /** File that takes everything measured, after every single measurement. */
  readonly out?: string
  readonly list: boolean
  readonly help: boolean
}

/** What `--help` says. */
export const help = `npm run bench -- pipeline [OPTIONS]

Measures the data path against what people pipe together in a shell: a generated PostgreSQL database, a real S3
server, a sink that drops the bytes, and an endpoint far away. Interleaved rounds, medians, one table.

  --size SIZE     raw dump of the mixed database (default 1GiB; 64MiB is a quick look)
  --rounds N      how often everything is measured (default 3)
  --case NAME     only this case (may be repeated)
  --streams N     streams inside our backups (default: the agent's own choice)
  --out FILE      everything measured, written anew after each measurement (default: a file in the temporary folder)
  --list          the cases, and what each compares
  --json          end with one line of JSON on stdout; all else goes to stderr
  --help          this

The full set at 1 GiB with 3 rounds takes some 24 minutes on two cores. Ctrl-C ends everything and tells what was measured.`

/** Reads the command line. Throws with one line for people. */
export function readOptions(args: readonly string[]): PipelineOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      size: { type: 'string', default: '1GiB' },
      rounds: { type: 'string', default: '3' },
      case: { type: 'string', multiple: true, default: [] },
      streams: { type: 'string' },
      out: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const size = parseByteSize(values.size)
  if (size === undefined || size < 16 << 20)
    throw new Error(`--size takes a size of at least 16MiB, not ${values.size}`)
  const streams = values.streams === undefined ? undefined : whole('--streams', values.streams, 64)
  return {
    size,
    rounds: whole('--rounds', values.rounds, 99),
    cases: values.case,
    ...(streams === undefined ? {} : { streams }),
    ...(values.out === undefined ? {} : { out: values.out }),
    list: values.list,
    help: values.help,
  }
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new Error(`${name} takes a whole number from 1 to ${most}, not ${text}`)
  return value
}
