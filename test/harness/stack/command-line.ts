import type { Terminal } from '../../../cli/command.ts'
import type { RunResult } from '../run.ts'

/**
 * Runs a command line of the CLI in this process: what `bin/holdfast` runs, without the start of a process, which takes
 * longer than any answer. For looking again and again; what a user's command does is asked of the launcher.
 */
export async function lookInProcess(address: string, args: readonly string[]): Promise<RunResult> {
  // only where it is used: few test files look at a coordinator
  const [{ run }, { plainly }] = await Promise.all([
    import('../../../cli/program.ts'),
    import('../../../cli/print/paint.ts'),
  ])
  const said = { stdout: '', stderr: '' }
  const terminal: Terminal = {
    out: text => {
      said.stdout += text
    },
    err: text => {
      said.stderr += text
    },
    width: 100,
    interactive: false,
    paint: plainly,
    // as where there is no home: nobody's profiles
    environment: { HOLDFAST_COORDINATOR: address },
    now: () => Date.now(),
    signal: new AbortController().signal,
  }
  const code = await run(args, terminal)
  return { ...said, code }
}
