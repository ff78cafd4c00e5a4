import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cpuOf, cpuOfMachine } from './cpu.ts'

/** What one Node process of ours used by itself. */
export interface NodeUse {
  readonly cpuSeconds: number
  readonly peakRssBytes: number
}

/** What one command cost. */
export interface Cost {
  readonly wallSeconds: number
  /** The command and all its descendants: rusage as the kernel adds it up at each wait. */
  readonly cpuSeconds: number
  /** The database server meanwhile. */
  readonly databaseCpuSeconds: number
  /** The S3 server or sink, and the line, meanwhile. */
  readonly storeCpuSeconds: number
  /** Everything else on the machine: above a few per cent of the wall time it was not quiet. */
  readonly strangerCpuSeconds: number
  /** Only where the command was a Node program of ours. */
  readonly node?: NodeUse
  readonly stdout: string
}

/** A command as a shell would run it, and where. */
export interface Script {
  /** For bash, with pipefail; words come in as `$1`, `$2`, …. */
  readonly text: string
  readonly words?: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Ask Node programs in it what they used. */
  readonly witness?: boolean
}

/** Where costs are measured. */
export interface Bench {
  readonly folder: string
  readonly databasePid: number
  /** Process ids of the servers besides the database. */
  readonly storePids: readonly number[]
  readonly signal: AbortSignal
}

const witness = pathToFileURL(join(import.meta.dirname, 'witness.ts')).href

/**
 * Runs a script and counts. CPU is that of bash's children at its end (`times`): every process waited for, with all it waited for.
 * The wall time holds bash's own start, some milliseconds, for every script alike.
 *
 * @throws Error with the script's last words when it ends badly
 */
export async function measured(script: Script, bench: Bench): Promise<Cost> {
  bench.signal.throwIfAborted()
  const folder = join(bench.folder, 'measured')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const times = join(folder, 'times')
  const env = {
    ...script.env,
    HOLDFAST_BENCH_TIMES: times,
    ...(script.witness === true
      ? {
          HOLDFAST_BENCH_WITNESS: folder,
          NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${witness}`,
        }
      : {}),
  }
  const before = {
    machine: cpuOfMachine(),
    database: cpuOf([bench.databasePid]),
    store: cpuOf(bench.storePids),
    own: ownCpu(),
  }
  const began = performance.now()
  const { stdout } = await bash(script, env, bench.signal)
  const wallSeconds = (performance.now() - began) / 1_000
  const cpuSeconds = childrenSeconds(await readFile(times, 'utf8'))
  const databaseCpuSeconds = cpuOf([bench.databasePid]) - before.database
  const storeCpuSeconds = cpuOf(bench.storePids) - before.store
  const machine = cpuOfMachine() - before.machine
  const known = cpuSeconds + databaseCpuSeconds + storeCpuSeconds + ownCpu() - before.own
  const node = script.witness === true ? await nodeUse(folder) : undefined
  return {
    wallSeconds,
    cpuSeconds,
    databaseCpuSeconds,
    storeCpuSeconds,
    strangerCpuSeconds: Math.max(0, machine - known),
    ...(node === undefined ? {} : { node }),
    stdout,
  }
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function bash(
  script: Script,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ readonly stdout: string }> {
  const text = `set -euo pipefail; trap 'times > "$HOLDFAST_BENCH_TIMES"' EXIT\n${script.text}`
  const command = [
    '--pdeathsig',
    'KILL',
    '--',
    'bash',
    '--norc',
    '--noprofile',
    '-c',
    text,
    'bench',
    ...(script.words ?? []),
  ]
  return new Promise((resolve, reject) => {
    // A group of its own, so that giving up ends the whole pipe
    const child = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-4_000)
    })
    let grace: NodeJS.Timeout | undefined
    const end = () => {
      signalGroup(child.pid, 'SIGTERM')
      grace = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), 10_000)
    }
    signal.addEventListener('abort', end, { once: true })
    child.once('error', reject)
    child.once('close', (code, ended) => {
      clearTimeout(grace)
      signal.removeEventListener('abort', end)
      if (signal.aborted) reject(signal.reason)
      else if (code === 0) resolve({ stdout })
      else reject(new Error(`ended with ${ended ?? code}: ${stderr.trim() || stdout.trim().slice(-2_000)}`))
    })
  })
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // gone already
  }
}

/** The second line of bash's `times`: user and system of its children, `1m2.345s 0m0.678s`. */
function childrenSeconds(times: string): number {
  const line = times.trim().split('\n').at(-1) ?? ''
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  )
}

async function nodeUse(folder: string): Promise<NodeUse> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.json'))
  const seen = await Promise.all(
    files.map(async name => JSON.parse(await readFile(join(folder, name), 'utf8')) as NodeUse),
  )
  return {
    cpuSeconds: seen.reduce((sum, each) => sum + each.cpuSeconds, 0),
    peakRssBytes: seen.reduce((sum, each) => sum + each.peakRssBytes, 0),
  }
}
