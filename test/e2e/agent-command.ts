import { join } from 'node:path'
import { type RunResult, run } from '../harness/index.ts'
import { launcherEnvironment } from '../harness/launcher-environment.ts'
import { projectRoot } from '../harness/project-root.ts'

/** Runs `bin/holdfast-agent` as its user would; any exit status is an answer. */
export function holdfastAgent(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  return run(join(projectRoot, 'bin', 'holdfast-agent'), args, {
    env: { ...launcherEnvironment(), HOME: process.env['HOME'] ?? '/', ...env },
    allowFailure: true,
  })
}

/** The last line of what a command with `-o json` printed. */
export function answerOf<T>(result: RunResult): T {
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '')
}
