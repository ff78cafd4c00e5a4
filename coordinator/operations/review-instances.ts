import { LoopShare } from '../../shared/clock/index.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import { gapOf } from '../fleet/gap.ts'
import { AgentDirectory, type Match } from '../fleet/match-agent.ts'
import type { InstanceRecord } from '../store/records.ts'
import { putInstance } from './reconcile-fleet.ts'
import { type Term, write } from './term.ts'

/** Steps of one write. */
const page = 25

/**
 * Looks at every instance: which agent answers for it, and why nothing can protect it now, if so. Writes what
 * changed, then tells the agents whose list changed. Runs after discovery, a Hello, an inventory, and on a timer.
 */
export async function reviewInstances(term: Term): Promise<void> {
  const now = term.clock.now()
  const directory = new AgentDirectory(
    term.live.records(),
    agent => term.live.silentFor(agent.id, now) > term.settings.times.agentGone,
  )
  const changed: { before: InstanceRecord; after: InstanceRecord }[] = []
  const share = new LoopShare()
  for (const instance of term.fleet.instances()) {
    if (instance.goneSince !== undefined) continue
    if (share.spent) await share.renew()
    if (term.signal.aborted) return
    const after = reviewed(instance, directory.match(instance), term)
    if (JSON.stringify(after) !== JSON.stringify(instance)) changed.push({ before: instance, after })
  }
  for (let i = 0; i < changed.length; i += page)
    await write(term, 'review', async tx => {
      for (const { before, after } of changed.slice(i, i + page)) {
        // what another step wrote meanwhile stays; only what was decided here is laid over it
        const fresh = await tx.instances.get(before.id)
        if (fresh === undefined || fresh.goneSince !== undefined) continue
        const { agentId: _, gap: __, ...rest } = fresh
        await putInstance(
          tx,
          {
            ...rest,
            ...(after.agentId === undefined ? {} : { agentId: after.agentId }),
            ...(after.gap === undefined ? {} : { gap: after.gap }),
          },
          term,
        )
      }
    })
  await tellWatchers(term)
}

function reviewed(instance: InstanceRecord, match: Match, term: Term): InstanceRecord {
  const now = term.clock.now()
  const { agentId: _, gap: before, ...rest } = instance
  const agent = match.kind === 'one' ? term.live.record(match.agentId) : undefined
  const gap = gapOf({
    engineKnown: instance.engine !== 'unknown',
    match,
    ...(agent === undefined
      ? {}
      : {
          agent: {
            hostname: agent.hostname,
            silent: term.live.isSilent(agent.id, now),
            lastSeenAt: term.live.lastSeenAt(agent.id) ?? agent.lastSeenAt,
          },
        }),
    ...(instance.inventoriedAt === undefined ? {} : { inventoriedAt: instance.inventoriedAt }),
    ...(instance.inventoryFailure === undefined ? {} : { inventoryFailure: instance.inventoryFailure }),
  })
  const since = gap !== undefined && before?.code === gap.code ? before.since : now.wall
  return {
    ...rest,
    ...(match.kind === 'one' ? { agentId: match.agentId } : {}),
    ...(gap === undefined ? {} : { gap: { ...gap, since } }),
  }
}

/** Sends each connected agent the instances it answers for; the messenger leaves out what it sent before. */
export async function tellWatchers(term: Term): Promise<void> {
  const lists = new Map<AgentId, InstanceRecord[]>()
  for (const instance of term.fleet.instances()) {
    if (instance.agentId === undefined || instance.goneSince !== undefined || instance.engine === 'unknown')
      continue
    const list = lists.get(instance.agentId)
    if (list === undefined) lists.set(instance.agentId, [instance])
    else list.push(instance)
  }
  const share = new LoopShare()
  for (const id of term.live.ids()) {
    if (!term.live.isConnected(id)) continue
    if (share.spent) await share.renew()
    if (term.signal.aborted) return
    const list = lists.get(id) ?? []
    term.messenger.watch(
      id,
      list.sort((a, b) => (a.id < b.id ? -1 : 1)),
    )
  }
}
