import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A child that dies with this process and is ended by its own pid. */
export interface OwnedProcess extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly running: boolean
  /** Resolves once the process has gone; never rejects. */
  readonly exited: Promise<ProcessEnd>
  signal(name: NodeJS.Signals): void
  /** Sends the signal (SIGTERM), and SIGKILL after the grace (5,000 ms); resolves once the process has gone. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<ProcessEnd>
}

/** How to start a process. `asNobody` drops root's rights (PostgreSQL refuses root) and does nothing for an ordinary user. */
export interface ProcessOptions {
  readonly name: string
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly asNobody?: boolean
  /** File that takes the process's output; without it the output is dropped. */
  readonly logFile?: string
}

/** User and group that root's servers run as where they refuse root; Debian's nobody. */
export const nobody = 65_534

/** The command in front of another that drops root's rights, as an argument list; empty for an ordinary user. */
export function asNobody(): string[] {
  if (process.getuid?.() !== 0) return []
  return ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--']
}

/** Starts a process that the kernel kills when this one ends, however that happens. Throws when it cannot be started. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
): Promise<OwnedProcess> {
  const rights = options.asNobody ? asNobody().slice(1, -1) : []
  // PR_SET_PDEATHSIG is cleared by a change of user, so both are one setpriv, which sets it last. A parent that died before that moment
  // sends no signal any more: the shell looks whether it is still there, and becomes the command
  const unlessOrphaned = [
    'sh',
    '-c',
    '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"',
    'sh',
    String(process.pid),
  ]
  const whole =
    process.platform === 'linux'
      ? ['setpriv', ...rights, '--pdeathsig', 'KILL', '--', ...unlessOrphaned, command, ...args]
      : [command, ...args]
  const output = options.logFile === undefined ? 'ignore' : openSync(options.logFile, 'a')
  const [program = command, ...rest] = whole
  const child = spawn(program, rest, {
    stdio: ['ignore', output, output],
    env: options.env ?? process.env,
    cwd: options.cwd ?? '/',
  })
  if (typeof output === 'number') closeSync(output)
  const exited = new Promise<ProcessEnd>(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', cause => reject(new Error(`${options.name} could not be started`, { cause })))
  })
  const ended = () => child.exitCode !== null || child.signalCode !== null
  const stop = async (signal: NodeJS.Signals = 'SIGTERM', graceMs = 5_000) => {
    if (!ended()) {
      child.kill(signal)
      const grace = new AbortController()
      const late = pause(graceMs, 'late' as const, { signal: grace.signal }).catch(() => 'ended' as const)
      if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL')
      grace.abort()
    }
    return await exited
  }
  return {
    name: options.name,
    pid: child.pid ?? -1,
    get running() {
      return !ended()
    },
    exited,
    signal: name => {
      child.kill(name)
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop()
    },
  }
}

/** Whether a process is there and not a zombie (a zombie still answers signal 0). */
export function processAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
