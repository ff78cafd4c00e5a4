import { AppError } from '../../shared/errors/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import type { Duration } from '../../shared/time/index.ts'
import { type Anchor, anchorContent, anchorFolder, anchorKey, anchorOf } from '../audit/index.ts'
import type { AnchorAnswer } from './anchor-tasks.ts'
import type { AnchorWork } from './messenger.ts'
import type { Term } from './term.ts'

/** A keeper that says nothing for so long is not waited for, ms. */
const patience: Duration = 10_000

/** Where heads of the audit chain are anchored. @throws AppError `audit.no-anchors` when nowhere */
function anchorDestination(term: Term): Destination {
  const { anchors } = term.settings
  const destination = anchors === undefined ? undefined : term.settings.destinations.get(anchors.destination)
  if (destination === undefined) throw new AppError('audit.no-anchors')
  return destination
}

/**
 * Puts the head of the chain into the bucket, by a keeper. Nothing to do while the head is the one anchored last.
 *
 * @returns the row that is anchored now, 0 for a chain without rows
 * @throws AppError `audit.no-keeper`, or the keeper's own
 */
export async function anchorAudit(term: Term, signal: AbortSignal = term.signal): Promise<number> {
  const destination = anchorDestination(term)
  const [head] = (await term.store.read.audit({ size: 1 }, {})).items
  if (head === undefined || term.anchors.anchoredSeq === head.seq) return head?.seq ?? 0
  const place = { fleetId: term.store.fleetId, incarnation: term.store.incarnation }
  await byKeeper(
    { kind: 'write', destination, key: anchorKey(place, head), content: anchorContent(place, head) },
    term,
    signal,
  )
  term.anchors.anchoredSeq = head.seq
  term.log.debug('the head of the audit chain is anchored', { seq: head.seq, destination: destination.name })
  return head.seq
}

/** The anchors that lie in the bucket, and where that is. @throws AppError as `anchorAudit` */
export async function readAnchors(
  term: Term,
  signal: AbortSignal,
): Promise<{ readonly destination: string; readonly anchors: readonly Anchor[] }> {
  const destination = anchorDestination(term)
  const place = { fleetId: term.store.fleetId }
  const { keys } = await byKeeper(
    { kind: 'read', destination, prefix: anchorFolder(place) },
    term,
    AbortSignal.any([signal, term.signal]),
  )
  const anchors = keys.map(key => anchorOf(key, place)).filter(each => each !== undefined)
  return { destination: destination.name, anchors }
}

/** Asks one keeper after the other: each may have the credentials another one lacks. */
async function byKeeper(work: AnchorWork, term: Term, signal: AbortSignal): Promise<AnchorAnswer> {
  let failed: AppError | undefined
  for (const keeper of keepersOf(term)) {
    try {
      return await term.anchors.ask(
        taskId => term.messenger.anchor(keeper, taskId, work),
        keeper,
        AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      )
    } catch (thrown) {
      if (signal.aborted) throw thrown
      failed = AppError.from(thrown)
    }
  }
  throw failed ?? new AppError('audit.no-keeper')
}

function keepersOf({ live, clock }: Term): readonly AgentId[] {
  return live
    .records()
    .filter(({ keeper, features }) => keeper && features.includes('anchor'))
    .map(({ id }) => id)
    .filter(id => live.isConnected(id) && !live.isSilent(id, clock.now()))
    .sort()
}
