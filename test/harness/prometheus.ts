import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { freePorts } from './free-port.ts'
import { startProcess } from './owned-process.ts'
import { provision } from './provision.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

/** What is scraped: `host:port` of the targets of each job, `/metrics` unless said otherwise. */
export interface ScrapeJob {
  readonly name: string
  readonly targets: readonly string[]
  readonly path?: string
}

/** One series of an answer. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  /** As Prometheus writes it: `NaN` is a value. */
  readonly value: string
}

/** A Prometheus of a test, everything in a temporary folder. */
export interface PrometheusServer extends AsyncDisposable {
  readonly url: string
  /** An instant query; throws with Prometheus' own words when it is refused. */
  query(expr: string): Promise<readonly Sample[]>
  /** State of every rule it was given: `ok`, or what is wrong. */
  ruleHealth(): Promise<Readonly<Record<string, string>>>
  stop(): Promise<void>
}

/** Starts Prometheus with a scrape every second. */
export async function startPrometheus(
  jobs: readonly ScrapeJob[],
  ruleFiles: readonly string[] = [],
): Promise<PrometheusServer> {
  const found = await provision('prometheus')
  if (!found.available) throw new Error(`no Prometheus for this test: ${found.reason}`)
  const folder = await temporaryFolder('prometheus')
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: jobs.map(job => ({
      job_name: job.name,
      metrics_path: job.path ?? '/metrics',
      static_configs: [{ targets: job.targets }],
    })),
  }
  const configFile = join(folder.path, 'prometheus.json')
  // JSON is YAML
  await writeFile(configFile, JSON.stringify(config))
  const port = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const logFile = join(folder.path, 'log')
  const server = await startProcess(
    join(found.bin, 'prometheus'),
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { name: 'prometheus', logFile },
  )
  const stop = async () => {
    await server.stop('SIGKILL')
    await folder.remove()
  }
  const ask = async (path: string): Promise<unknown> => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as {
      readonly status: string
      readonly error?: string
      readonly data: unknown
    }
    if (answer.status !== 'success') throw new Error(`prometheus: ${answer.error}`)
    return answer.data
  }
  try {
    await waitUntil(async () => !server.running || (await fetch(`${url}/-/ready`)).ok, {
      what: 'Prometheus to be ready',
      timeout: 30_000,
    })
    if (!server.running) throw new Error(`Prometheus did not start: ${await readFile(logFile, 'utf8')}`)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    query: async expr => {
      const { result } = (await ask(`query?query=${encodeURIComponent(expr)}`)) as {
        readonly result: readonly {
          readonly metric: Record<string, string>
          readonly value: readonly [number, string]
        }[]
      }
      return result.map(({ metric, value: [, value] }) => ({ metric, value }))
    },
    ruleHealth: async () => {
      const { groups } = (await ask('rules')) as {
        readonly groups: readonly {
          readonly rules: readonly {
            readonly name: string
            readonly health: string
            readonly lastError?: string
          }[]
        }[]
      }
      return Object.fromEntries(
        groups.flatMap(group => group.rules.map(rule => [rule.name, rule.lastError || rule.health])),
      )
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
