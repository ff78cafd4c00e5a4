import { spawn } from 'node:child_process'

/** What a finished command left behind. */
export interface RunResult {
  readonly stdout: string
  readonly stderr: string
  /** Exit code; 128 + signal number is not imitated: a signalled child has code -1. */
  readonly code: number
}

/** How to run a command; `allowFailure` returns a non-zero code instead of throwing. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly input?: string
  readonly allowFailure?: boolean
}

/** Runs a command to its end and collects its output. Throws with the command's name and its stderr when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      cwd: options.cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', chunk => stdout.push(chunk))
    child.stderr.on('data', chunk => stderr.push(chunk))
    // A command that ends without reading its input is judged by its exit code, not by our EPIPE
    child.stdin.on('error', () => undefined)
    child.on('error', cause => reject(new Error(`${command} could not be started`, { cause })))
    child.on('close', (code, signal) => {
      const result = {
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        code: code ?? -1,
      }
      if (result.code === 0 || options.allowFailure) resolve(result)
      else reject(new Error(`${command} ended with ${signal ?? result.code}: ${result.stderr.trim()}`))
    })
    child.stdin.end(options.input ?? '')
  })
}
