import { LoopShare } from '../../shared/clock/index.ts'
import type { InstanceRecord } from '../store/records.ts'
import { aboutInstances } from './about.ts'
import { correctFirstSights } from './correct-times.ts'
import { tellFact } from './tell-fact.ts'
import { type Term, write } from './term.ts'

const keyOf = (id: string) => `breach/${id}`

/**
 * The RPO clock of instances whose databases nobody could list yet (P1): without it an instance without an agent
 * would have no database, hence no breach. It runs from when discovery first showed the instance. Once its
 * databases are known, each has a clock of its own.
 */
export class InstancePromises {
  readonly #term: Term
  #told: Set<string> | undefined

  constructor(term: Term) {
    this.#term = term
  }

  async run(): Promise<void> {
    const term = this.#term
    await correctFirstSights(term)
    this.#told ??= new Set((await term.store.read.openAlerts()).map(each => each.dedupKey))
    const told = this.#told
    const now = term.clock.now().wall
    const changed: { readonly instance: InstanceRecord; readonly breached: boolean }[] = []
    const share = new LoopShare()
    for (const instance of term.fleet.instances()) {
      if (share.spent) await share.renew()
      const breached = isBreached(instance, now, term)
      if (breached !== told.has(keyOf(instance.id))) changed.push({ instance, breached })
    }
    for (const { instance, breached } of changed) {
      await write(term, 'instance-breach', tx =>
        tellFact(
          tx,
          {
            kind: 'protection',
            databaseId: instance.id,
            name: `every database of ${instance.service}@${instance.nodeName}`,
            breached,
            reason: instance.gap?.code ?? '',
            detail: instance.gap?.detail ?? '',
            about: aboutInstances([instance]),
          },
          now,
          term,
        ),
      )
      if (breached) told.add(keyOf(instance.id))
      else told.delete(keyOf(instance.id))
    }
  }
}

function isBreached(instance: InstanceRecord, now: number, term: Term): boolean {
  if (instance.goneSince !== undefined || instance.inventoriedAt !== undefined || instance.gap === undefined)
    return false
  const rpo = rpoOf(instance, term)
  return rpo !== undefined && now > instance.firstSeenAt + rpo
}

/** What is promised to what is not known yet: the policy for its globals, else the strictest there is. */
function rpoOf(instance: InstanceRecord, term: Term): number | undefined {
  const { book } = term.policies
  const { engine, service, datacenter, tags, clusterId } = instance
  const cluster = term.fleet.cluster(clusterId)?.name ?? ''
  const globals = { engine, service, datacenter, tags, cluster, scope: 'cluster', name: '' } as const
  return book.of(globals).policy?.rpo ?? book.strictestRpo
}
