import { readFileSync } from 'node:fs'
import { launcherEnvironment } from '../launcher-environment.ts'
import { type OwnedProcess, processAlive, startProcess } from '../owned-process.ts'
import { projectRoot } from '../project-root.ts'

/** A process of ours that a test starts, kills and starts again; its log goes on over restarts. */
export interface ManagedProcess {
  readonly name: string
  readonly logFile: string
  readonly running: boolean
  /** Of the present run; throws when there is none. */
  readonly pid: number
  /** @param env added for this run only, e.g. a crash point */
  start(env?: Readonly<Record<string, string>>): Promise<void>
  /** Sends a signal; for KILL resolves once the process has gone. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** SIGTERM, and its exit status. */
  stop(): Promise<number | null>
  /** Resolves with the exit status once the present run ends. */
  exited(): Promise<number | null>
  log(): string
}

/** @param launcher of `bin/`, e.g. `holdfast-agent` */
export function managedProcess(options: {
  readonly name: string
  readonly launcher: string
  readonly args: readonly string[]
  readonly logFile: string
  readonly env: Readonly<Record<string, string>>
}): ManagedProcess {
  let current: OwnedProcess | undefined
  const running = () => current?.running === true && processAlive(current.pid)
  const present = (): OwnedProcess => {
    if (current === undefined) throw new Error(`${options.name} was never started`)
    return current
  }
  return {
    name: options.name,
    logFile: options.logFile,
    get running() {
      return running()
    },
    get pid() {
      return present().pid
    },
    start: async (env = {}) => {
      if (running()) throw new Error(`${options.name} is running`)
      current = await startProcess(`${projectRoot}/bin/${options.launcher}`, options.args, {
        name: options.name,
        logFile: options.logFile,
        env: { ...launcherEnvironment(), HOME: process.env['HOME'] ?? '/', ...options.env, ...env },
      })
    },
    kill: async signal => {
      present().signal(signal)
      if (signal === 'SIGKILL') await present().exited
    },
    stop: async () => {
      if (current === undefined) return null
      // a stopped process would never see the SIGTERM
      current.signal('SIGCONT')
      return (await current.stop('SIGTERM', 20_000)).code
    },
    exited: async () => (await present().exited).code,
    log: () => {
      try {
        return readFileSync(options.logFile, 'utf8')
      } catch {
        return ''
      }
    },
  }
}
