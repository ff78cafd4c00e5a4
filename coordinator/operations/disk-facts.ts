import type { AgentId } from '../../shared/model/identifiers.ts'
import type { AlertFact } from '../alerts/index.ts'
import { diskIsLow } from '../alerts/rules/disk-low.ts'
import { keyOf } from '../alerts/rules/keys.ts'
import type { InstanceRecord } from '../store/records.ts'
import { aboutHost, instancesByAgent } from './about.ts'
import type { Term } from './term.ts'

/**
 * Disks that became nearly full or have room again, by what connected agents report. Of an agent that is away nothing
 * is known: what was told stays. A disk that its agent no longer reports is no trouble any more.
 */
export function diskFacts(term: Term): readonly AlertFact[] {
  const { freeShare } = term.settings.alerts.disk
  const facts: AlertFact[] = []
  const told = new Map(
    [...term.alerts.all()]
      .filter(each => each.kind === 'disk-low')
      .map(each => [each.dedupKey, each.facts] as const),
  )
  let instances: ReadonlyMap<AgentId, readonly InstanceRecord[]> | undefined
  const about = (id: AgentId, hostname: string) => {
    instances ??= instancesByAgent(term.fleet)
    return aboutHost(hostname, instances.get(id) ?? [])
  }
  for (const { id, hostname } of term.live.records()) {
    const host = term.live.isConnected(id) ? term.live.hostOf(id) : undefined
    if (host === undefined) continue
    const gone = new Map(
      [...told].filter(([, about]) => about['agent_id'] === id).map(([key, about]) => [key, about['path']]),
    )
    for (const disk of host.claim.disks) {
      const key = keyOf.diskLow(id, disk.path)
      const open = gone.delete(key)
      const low = diskIsLow(disk, freeShare, open)
      if (low !== open)
        facts.push({
          kind: 'disk',
          agentId: id,
          hostname,
          path: disk.path,
          freeBytes: disk.freeBytes,
          totalBytes: disk.totalBytes,
          low,
          about: about(id, hostname),
        })
    }
    for (const path of gone.values())
      facts.push({
        kind: 'disk',
        agentId: id,
        hostname,
        path: path ?? '',
        freeBytes: 0,
        totalBytes: 0,
        low: false,
      })
  }
  return facts
}
