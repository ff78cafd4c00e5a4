import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { type OwnedProcess, startProcess } from './owned-process.ts'
import { servicesFolder } from './project-root.ts'
import { waitUntil } from './wait-until.ts'

const script = join(servicesFolder, 'ceph')

/** Names of the three processes, in the order in which they start. */
export type ClusterPart = 'mon' | 'osd' | 'rgw'

/** The three processes of a one-node Ceph in one folder. */
export interface Cluster {
  readonly endpoint: string
  readonly parts: Map<ClusterPart, OwnedProcess>
  start(part: ClusterPart): Promise<void>
  /** Waits until S3 answers; throws with the processes' output when it does not, or when one of them has ended. */
  ready(): Promise<void>
  /** Ends all three at once; what is stored survives that. */
  kill(): Promise<void>
  /** Ends all three in order, so that the folder can be kept as a template. */
  shutDown(): Promise<void>
}

/** Takes charge of the cluster in a folder that `ceph init` or `ceph move` has prepared for this port. Starts nothing yet. */
export function clusterIn(root: string, folder: string, port: number): Cluster {
  const parts = new Map<ClusterPart, OwnedProcess>()
  // S3 takes the port after the monitor's
  const endpoint = `http://127.0.0.1:${port + 1}`
  const answers = async () => (await fetch(endpoint)).status > 0
  return {
    endpoint,
    parts,
    start: async part => {
      const logFile = join(folder, 'run', `${part}.out`)
      parts.set(part, await startProcess(script, [part, root, folder], { name: `ceph ${part}`, logFile }))
    },
    ready: async () => {
      const lost = () => [...parts.values()].find(part => !part.running)
      await waitUntil(async () => lost() !== undefined || (await answers()), {
        what: 'S3 to answer',
        timeout: 60_000,
        interval: 50,
      }).catch(() => undefined)
      const ended = lost()
      if (ended === undefined && (await answers().catch(() => false))) return
      const outputs = [...parts.keys()].map(part =>
        readFile(join(folder, 'run', `${part}.out`), 'utf8').catch(() => ''),
      )
      throw new Error(
        `${ended ? `${ended.name} ended` : 'S3 did not answer'}: ${(await Promise.all(outputs)).join('\n')}`,
      )
    },
    kill: async () => {
      await Promise.all([...parts.values()].map(part => part.stop('SIGKILL')))
    },
    shutDown: async () => {
      for (const name of ['rgw', 'osd', 'mon'] as const) await parts.get(name)?.stop('SIGTERM', 20_000)
    },
  }
}
