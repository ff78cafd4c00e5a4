import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { startProcess } from './owned-process.ts'
import { servicesFolder } from './project-root.ts'
import { provision } from './provision.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

/** An alert as Alertmanager's API shows it. */
export interface HeldAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly status: { readonly state: string }
}

/** A real Alertmanager of a test, everything in a temporary folder. */
export interface AlertmanagerServer extends AsyncDisposable {
  readonly url: string
  /** Those that are not over. */
  alerts(): Promise<readonly HeldAlert[]>
  stop(): Promise<void>
}

/** The command of Alertmanager, as words. @throws where it cannot be had */
export async function alertmanagerCommand(): Promise<readonly string[]> {
  const found = await provision('alertmanager')
  if (!found.available) throw new Error(`no Alertmanager for this test: ${found.reason}`)
  return found.root === undefined
    ? [join(found.bin, 'prometheus-alertmanager')]
    : [join(servicesFolder, 'alertmanager'), found.root]
}

/** Starts Alertmanager, which sends to `webhook` after a second. */
export async function startAlertmanager(webhook: string): Promise<AlertmanagerServer> {
  const [command = '', ...words] = await alertmanagerCommand()
  const folder = await temporaryFolder('alertmanager')
  const config = join(folder.path, 'alertmanager.json')
  // JSON is YAML
  await writeFile(
    config,
    JSON.stringify({
      route: { receiver: 'test', group_by: ['...'], group_wait: '1s', group_interval: '1s' },
      receivers: [{ name: 'test', webhook_configs: [{ url: webhook, send_resolved: true }] }],
    }),
  )
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const logFile = join(folder.path, 'log')
  const server = await startProcess(
    command,
    [
      ...words,
      `--config.file=${config}`,
      `--storage.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ],
    { name: 'alertmanager', logFile },
  )
  const stop = async () => {
    await server.stop('SIGKILL')
    await folder.remove()
  }
  try {
    await waitUntil(async () => !server.running || (await fetch(`${url}/-/ready`)).ok, {
      what: 'Alertmanager to be ready',
      timeout: 30_000,
    })
    if (!server.running) throw new Error(`Alertmanager did not start: ${await readFile(logFile, 'utf8')}`)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    alerts: async () => (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly HeldAlert[],
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
