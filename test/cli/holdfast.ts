import type { Terminal } from '../../cli/command.ts'
import { plainly } from '../../cli/print/paint.ts'
import { run } from '../../cli/program.ts'
import type { Job } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { type Answers, startFakeOperatorService } from '../harness/fake-operator-service.ts'

/** The moment every test of the command line happens in, unless it says another. */
export const now = 1_800_000_000_000

/** What a test says of the run; everything has a default. */
export interface Surroundings extends Partial<Omit<Terminal, 'out' | 'err' | 'now'>> {
  /** Canned answers by RPC; what has none is unimplemented, as with an older coordinator. */
  readonly answers?: Answers
  /** What WatchJob streams. */
  readonly watched?: readonly Job[]
  /** Asks this one instead of a fake one. */
  readonly address?: string
  readonly at?: number
}

/** Runs one command line against a coordinator of its own, with neither colours nor repainting, 100 columns wide. */
export async function holdfast(argv: readonly string[], around: Surroundings = {}) {
  const { answers = {}, watched = [], address, at = now, environment, ...terminal } = around
  const service = address === undefined ? await startFakeOperatorService(answers, watched) : undefined
  let out = ''
  let err = ''
  try {
    const status = await run(argv, {
      width: 100,
      interactive: false,
      paint: plainly,
      signal: new AbortController().signal,
      ...terminal,
      environment: {
        HOLDFAST_CONFIG: '/nowhere/config.yaml',
        HOLDFAST_COORDINATOR: address ?? service?.address,
        ...environment,
      },
      out: text => (out += text),
      err: text => (err += text),
      now: () => at,
    })
    return { status, out, err, seen: service?.seen ?? [] }
  } finally {
    await service?.stop()
  }
}
