import type { CertificateIdentity } from '../../shared/tls/index.ts'
import type { AgentRecord } from '../store/records.ts'
import { aboutAgent, aboutHost, instancesByAgent } from './about.ts'
import type { RunningRef } from './live-agents.ts'
import { noteShownKey } from './note-shown-key.ts'
import { tellFact } from './tell-fact.ts'
import { afterCommit, type Term, write } from './term.ts'

/** Agents told of in one transaction: a dead site falls silent all at once. */
const page = 50

/** What a Hello says of an agent. */
export type SeenAgent = Omit<AgentRecord, 'firstSeenAt' | 'lastSeenAt' | 'draining'>

/**
 * Records an agent that said Hello and was let in, and hears of it.
 *
 * @param shown the certificate it was let in by; absent on a plaintext listener
 */
export async function recordAgent(
  seen: SeenAgent,
  running: readonly RunningRef[],
  term: Term,
  shown?: CertificateIdentity,
): Promise<AgentRecord> {
  const now = term.clock.now()
  const record = await write(term, 'agent', async tx => {
    const known = await tx.agents.get(seen.id)
    const record: AgentRecord = {
      ...seen,
      draining: known?.draining ?? false,
      firstSeenAt: known?.firstSeenAt ?? now.wall,
      lastSeenAt: now.wall,
    }
    await tx.agents.put(record)
    if (known?.bootId !== record.bootId)
      await tx.audit.append({
        at: now.wall,
        class: 'history',
        actor: `agent:${record.id}`,
        action: known === undefined ? 'agent.joined' : 'agent.started',
        subject: record.id,
        reason: '',
        detail: { hostname: record.hostname, version: record.version, boot_id: record.bootId },
      })
    if (shown !== undefined && (await noteShownKey(tx, record, shown, now.wall)) === 'of-another-agent')
      afterCommit(term, tx, () =>
        term.refused(`agent:${record.id}`, 'key-of-another-agent', shown.keyId.slice(0, 16)),
      )
    return record
  })
  term.live.connect(record, running, now)
  term.live.clones.admitted(record.id, now.mono)
  return record
}

/** Two live agents with one identity: a cloned host. The second is refused, people are told. */
export async function tellClone(seen: SeenAgent, term: Term): Promise<void> {
  term.live.clones.refused(seen.id, term.clock.now().mono)
  await write(term, 'agent-cloned', tx =>
    tellFact(
      tx,
      {
        kind: 'agent-cloned',
        agentId: seen.id,
        hostname: seen.hostname,
        about: aboutAgent(seen.id, seen.hostname, term.fleet),
      },
      term.clock.now().wall,
      term,
    ),
  )
}

/** Tells of agents whose silence began or ended (three missed heartbeats): shown and alerted, decides nothing (J6). */
export async function tellSilence(term: Term): Promise<boolean> {
  const now = term.clock.now()
  const changes = term.live.silenceChanges(now)
  if (changes.length === 0) return false
  const instances = instancesByAgent(term.fleet)
  for (let i = 0; i < changes.length; i += page) {
    const some = changes.slice(i, i + page)
    await write(term, 'agent-silent', async tx => {
      for (const { record, silent } of some)
        await tellFact(
          tx,
          {
            kind: 'agent',
            agentId: record.id,
            hostname: record.hostname,
            silent,
            lastSeenAt: term.live.lastSeenAt(record.id) ?? record.lastSeenAt,
            about: aboutHost(record.hostname, instances.get(record.id) ?? []),
          },
          now.wall,
          term,
        )
    })
    for (const { record, silent } of some) term.live.tellSilence(record.id, silent)
  }
  return true
}

/** Flushes when agents were last heard of: one statement, all that heartbeats ever write (architecture §12). */
export async function flushLastSeen(term: Term): Promise<void> {
  const touched = term.live.takeTouched()
  if (touched.size > 0) await write(term, 'last-seen', tx => tx.agents.touch(touched))
}
