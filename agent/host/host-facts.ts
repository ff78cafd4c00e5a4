import { availableParallelism, hostname, networkInterfaces, release, totalmem, type } from 'node:os'
import type { HostFacts, Tool } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { ToolFinder } from '../engines/port.ts'

/** What a host may be asked for; the engines look for more in folders of their own. */
const knownTools = [
  'pg_dump',
  'pg_restore',
  'psql',
  'mariadb-dump',
  'mariadb',
  'mysqldump',
  'mysql',
  'zstd',
  'gzip',
  'xz',
  'bzip2',
  'pv',
  'age',
  'setpriv',
] as const

export interface HostOptions {
  readonly tools: ToolFinder
  readonly nodeId: string | undefined
  readonly nodeName: string | undefined
  /** In place of the interfaces' own. */
  readonly addresses: readonly string[] | undefined
  /** Loopback names every host: only an agent that serves its own host claims it. */
  readonly loopback: boolean
}

/** What the coordinator wants to know of this host. Tools that are missing are left out. */
export async function hostFacts(options: HostOptions): Promise<HostFacts> {
  const found = await Promise.all(
    knownTools.map(async (name): Promise<Tool[]> => {
      try {
        const { path, version } = await options.tools.find([name])
        return [{ name, version, path }]
      } catch {
        return []
      }
    }),
  )
  return {
    hostname: hostname(),
    nodeId: options.nodeId ?? '',
    nodeName: options.nodeName ?? hostname(),
    addresses: [...(options.addresses ?? interfaceAddresses(options.loopback))],
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    os: `${type()} ${release()}`,
    tools: found.flat(),
  }
}

function interfaceAddresses(loopback: boolean): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap(each => each ?? [])
    .filter(each => (loopback || !each.internal) && !each.address.startsWith('fe80:'))
    .map(({ address }) => address)
  return [...new Set([...addresses, hostname(), ...(loopback ? ['localhost'] : [])])]
}
