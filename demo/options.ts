import { parseArgs } from 'node:util'

/** How the demo was asked for. */
export interface DemoOptions {
  /** End stdout with one line of JSON; everything else goes to stderr. */
  readonly json: boolean
  /** Leave it running at the end. */
  readonly keep: boolean
  /** Of the data; 0.8 is some 300 MB in all. */
  readonly scale: number
  readonly help: boolean
}

/** What `--help` says. */
export const help = `npm run demo [-- OPTIONS]

Starts real database servers with data, a coordinator, an agent and a keeper; backs everything up, restores it
into new databases, compares row by row, and shows what an operator sees. Ends 0 when all of it held.

  --json       end with one line of JSON on stdout; all else goes to stderr
  --keep       leave it running and say how to look; Ctrl-C ends it
  --scale N    size of the data (default 0.8, some 300 MB in all)
  --help       this

HOLDFAST_PROVISION=off uses only what this host has; HOLDFAST_CACHE is where fetched servers are kept.`

/** Reads the command line. Throws with one line for people. */
export function readOptions(argv: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      scale: { type: 'string', default: '0.8' },
      help: { type: 'boolean', default: false },
    },
  })
  const scale = Number(values.scale)
  if (!(scale > 0 && scale <= 50)) throw new Error(`--scale takes a number above 0, not ${values.scale}`)
  return { json: values.json, keep: values.keep, scale, help: values.help }
}
