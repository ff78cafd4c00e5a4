import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Millis } from '../../shared/time/index.ts'
import { KnownServers, type ListeningServer } from '../fleet/unregistered.ts'
import type { Term } from './term.ts'

/** A database server that listens on an agent's host and that discovery does not show. */
export interface UnregisteredServer extends ListeningServer {
  readonly agentId: AgentId
  readonly hostname: string
  /** Since when its agent has told of it in this term. */
  readonly since: Millis
}

/** Servers nobody registered (P1), as agents see them now; none before discovery could have shown them. */
export function unregisteredServers({
  live,
  fleet,
}: Pick<Term, 'live' | 'fleet'>): readonly UnregisteredServer[] {
  let known: KnownServers | undefined
  const found: UnregisteredServer[] = []
  for (const { record, servers } of live.listening())
    for (const { server, since } of servers) {
      known ??= new KnownServers(fleet.instances())
      if (!known.has(server, record))
        found.push({ ...server, agentId: record.id, hostname: record.hostname, since })
    }
  return found
}
