import type { AgentRecord, InstanceRecord } from '../store/records.ts'

/** A database server that an agent sees listening on its host. */
export interface ListeningServer {
  readonly program: string
  readonly sockets: readonly { readonly address: string; readonly port: number }[]
}

/** What tells one host from another. */
type Host = Pick<AgentRecord, 'id' | 'hostname' | 'nodeId' | 'nodeName' | 'addresses'>

/** Instances by host and port, by whatever a host may be known by; an instance may be shown under any address of its. */
export class KnownServers {
  readonly #known = new Set<string>()

  constructor(instances: Iterable<InstanceRecord>) {
    for (const each of instances) {
      if (each.goneSince !== undefined) continue
      const { agentId, nodeId, nodeName, nodeAddress, address, port } = each
      for (const name of [agentId, nodeId, nodeName, nodeAddress, address])
        if (name !== undefined && name !== '' && !isLoopback(name)) this.#known.add(`${name} ${port}`)
    }
  }

  /** Whether discovery shows a server of this host: on one of its ports is enough, MySQL's has several. */
  has(server: ListeningServer, host: Host): boolean {
    const names = [host.id, host.nodeId, host.nodeName, host.hostname, ...host.addresses]
    return server.sockets.some(
      ({ address, port }) =>
        this.#known.has(`${address} ${port}`) || names.some(name => this.#known.has(`${name} ${port}`)),
    )
  }
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.')
}
