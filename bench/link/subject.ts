import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Authority, certificatePem, privateKeyPem } from '../../shared/tls/index.ts'
import { freePort, type OwnedProcess, startProcess, waitUntil } from '../../test/harness/index.ts'
import { testPki } from '../../test/harness/pki.ts'
import { projectRoot } from '../../test/harness/project-root.ts'
import type { AuthorityPem } from './certified.ts'
import { hostOf } from './load-process.ts'
import type { BenchStore } from './store.ts'

/** Clock ticks a second of `/proc/PID/stat`; 100 on every Linux Node runs on. */
const ticks = 100

/** A coordinator in a process of its own, measured from outside. */
export interface Subject extends AsyncDisposable {
  readonly address: string
  /** Certifies its agents; absent: it listens in plaintext. */
  readonly authority?: AuthorityPem
  /** CPU seconds since its start, user and system. */
  cpu(): number
  /** Resident set, bytes. */
  rss(): number
  /** Its metrics now, by name, over all labels; 0 when absent. A look begins those of the event loop anew. */
  metrics(): Promise<(name: string) => number>
}

/** Starts it on an empty store with one instance on each of so many hosts, and waits until it leads. */
export async function startSubject(
  folder: string,
  agents: number,
  {
    store,
    tls,
    profile,
  }: { readonly store: BenchStore; readonly tls: boolean; readonly profile: string | undefined },
): Promise<Subject> {
  const pki = tls ? await testPki(join(folder, 'pki')) : undefined
  const [port, statusPort] = [await freePort(), await freePort()]
  const instances = Array.from({ length: agents }, (_, index) => ({
    name: `shop-${index}`,
    host: hostOf(index),
    address: '127.0.0.1',
    engine: 'postgres',
    port: 5_432,
  }))
  const fleetFile = join(folder, 'fleet.yaml')
  const configFile = join(folder, 'coordinator.yaml')
  await writeFile(fleetFile, JSON.stringify({ instances }))
  await writeFile(
    configFile,
    JSON.stringify({
      listen: `127.0.0.1:${port}`,
      ...(pki === undefined ? { insecure_loopback: true } : { tls: pki.tls }),
      store: store.config,
      discovery: { static_file: fleetFile },
      destinations: { main: { url: 'file:///nowhere' } },
      policies: [{ name: 'all', every: '24h', rpo: '26h', destination: 'main' }],
      status: { port: statusPort },
      // in plaintext all agents are one caller, and a probe that is refused measures nothing
      limits: { calls: { rate: 10 * agents, burst: 10 * agents }, streams: 10 * agents },
      log: { level: 'warn', format: 'json' },
    }),
  )
  const profiled = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const coordinator: OwnedProcess = await startProcess(
    ...launched(profiled, ['run', '--config', configFile]),
    { name: 'coordinator', logFile: join(folder, 'coordinator.log') },
  )
  const status = `http://127.0.0.1:${statusPort}`
  await waitUntil(async () => (await fetch(`${status}/readyz`).catch(() => undefined))?.ok === true, {
    what: 'the coordinator to lead',
    timeout: 60_000,
  })
  return {
    address: `127.0.0.1:${port}`,
    ...(pki === undefined ? {} : { authority: pemOf(pki.authority) }),
    cpu: () => {
      const text = readFileSync(`/proc/${coordinator.pid}/stat`, 'utf8')
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) / ticks
    },
    rss: () => {
      const text = readFileSync(`/proc/${coordinator.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1024
    },
    metrics: async () => {
      const lines = (await (await fetch(`${status}/metrics`)).text()).split('\n')
      return name =>
        lines
          .filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
          .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    },
    [Symbol.asyncDispose]: async () => {
      await coordinator.stop('SIGTERM', 20_000)
    },
  }
}

/** By its launcher, or by what that would run with options of Node's own: those it does not pass on. */
function launched(options: readonly string[], args: readonly string[]): [string, string[]] {
  if (options.length === 0) return [join(projectRoot, 'bin', 'holdfast-coordinator'), [...args]]
  const main = join(projectRoot, 'coordinator', 'main.ts')
  return [process.execPath, ['--disable-warning=ExperimentalWarning', ...options, main, ...args]]
}

function pemOf({ certificate, key }: Authority): AuthorityPem {
  return { certificate: certificatePem(certificate.raw), key: privateKeyPem(key) }
}
