import type { Discovery, DiscoverySnapshot } from '../../shared/discovery/index.ts'
import { Scope } from '../../shared/lifecycle/index.ts'
import type { PolicySource, PolicyView } from '../policy-source.ts'
import { watchAlerts } from './alert-watch.ts'
import { anchorAudit } from './anchor-audit.ts'
import { CapacityWatch } from './capacity-watch.ts'
import { cleanUpDebris } from './clean-up-debris.ts'
import { ClockWatch } from './clock-watch.ts'
import { closeGone } from './close-gone.ts'
import { deleteLeaving } from './delete-leaving.ts'
import type { DiscoveryHealth } from './discovery-health.ts'
import { endPauses } from './end-pauses.ts'
import { expireLeases } from './expire-leases.ts'
import { InstancePromises } from './instance-promises.ts'
import { CopyWatch } from './plan-copies.ts'
import { PlanTick } from './plan-tick.ts'
import { VerificationWatch } from './plan-verifications.ts'
import { pruneLedgers } from './prune-ledgers.ts'
import { reconcileFleet } from './reconcile-fleet.ts'
import { flushLastSeen, tellSilence } from './record-agent.ts'
import { refreshProtection } from './refresh-protection.ts'
import { RefusedMetaWatch } from './refused-meta.ts'
import { reviewInstances } from './review-instances.ts'
import { RetentionWatch } from './review-retention.ts'
import { AuditShipper } from './ship-audit.ts'
import { tellClonesOver } from './tell-clones-over.ts'
import type { Term } from './term.ts'
import { Ticker } from './ticker.ts'
import { WatchedPolicies } from './watch-policies.ts'

/** Bookkeeping grows by a day at a time: an hour's worth is removed in seconds. */
const pruneInterval = 3_600_000

/** A look at the plan makes and assigns 500 jobs: what it takes is mostly waiting for their commits. */
const longestPlannerRest = 500

/** Between two looks at who is told of what. */
const longestUntold = 5_000

/** The loops of one term. */
export interface TermLoops {
  wakePlanner(): void
  /** Discovery, an agent or an inventory changed something. */
  fleetChanged(): void
  /** What takes copies of the audit elsewhere. */
  readonly shippers: readonly AuditShipper[]
  close(): Promise<void>
}

/** Starts everything that runs while this process leads. Ends with the term's signal; `close` waits for it. */
export function startLoops(
  term: Term,
  sources: readonly Discovery[],
  health: DiscoveryHealth,
  policySource?: PolicySource,
): TermLoops {
  const { times } = term.settings
  const scope = new Scope()
  const ticker = (name: string, every: number, work: () => Promise<unknown>, longestRest?: number): Ticker =>
    scope.own(
      new Ticker({
        name,
        every,
        work,
        clock: term.clock,
        log: term.log,
        signal: term.signal,
        ...(longestRest === undefined ? {} : { longestRest }),
      }),
    )
  const clocks = new ClockWatch(term)
  /** What a wall clock that jumped by a year would do to everything at once. */
  const byTheWall = (
    name: string,
    every: number,
    work: () => Promise<unknown>,
    longestRest?: number,
  ): Ticker =>
    ticker(
      name,
      every,
      async () => {
        if (!clocks.doubts()) await work()
      },
      longestRest,
    )
  const planTick = new PlanTick(term)
  const instances = new InstancePromises(term)
  const refusedMeta = new RefusedMetaWatch()
  const planner = byTheWall('planning', times.planInterval, () => planTick.run(), longestPlannerRest)
  const review = byTheWall('the review of instances', times.protectionInterval, async () => {
    await reviewInstances(term)
    await closeGone(term)
    if ((await refreshProtection(term)) > 0) planner.wake()
    await instances.run()
    refusedMeta.run(term)
  })
  const capacity = new CapacityWatch(term, () => planTick.waitsForCapacity)
  byTheWall('the watch for capacity', times.protectionInterval, async () => {
    if (await capacity.run()) review.wake()
  })
  ticker('the end of pauses', times.protectionInterval, () => endPauses(term))
  ticker('the lease clock', times.leaseTick, () => expireLeases(term, false))
  ticker('the watch for silent agents', times.heartbeat, async () => {
    if (await tellSilence(term)) review.wake()
  })
  ticker('writing down who was seen', times.lastSeenFlush, () => flushLastSeen(term))
  // at once, too: a term may be shorter than an hour
  byTheWall('removing old bookkeeping', pruneInterval, () => pruneLedgers(term)).wake()
  ticker('the review of alerts', Math.min(longestUntold, 2 * times.heartbeat), () =>
    watchAlerts(term, clocks.doubts(), clocks.wrongBy),
  )
  ticker('the watch for clones', times.protectionInterval, () => tellClonesOver(term))
  const copies = new CopyWatch(term)
  byTheWall('the watch for missing copies', times.protectionInterval, () => copies.run())
  const verifications = new VerificationWatch(term)
  byTheWall('the watch for due verifications', times.protectionInterval, () => verifications.run())
  byTheWall('clean-up', times.protectionInterval, () => cleanUpDebris(term))
  const deletion = byTheWall('deleting backups', times.protectionInterval, () => deleteLeaving(term))
  const retention = new RetentionWatch(term)
  byTheWall('retention', term.settings.retention.every, async () => {
    if ((await retention.run()) > 0) deletion.wake()
  })
  const { anchors, ship } = term.settings
  if (anchors !== undefined) ticker('anchoring the audit', anchors.every, () => anchorAudit(term))
  const shippers = (ship?.sinks ?? []).map(sink => new AuditShipper(sink, ship?.patience ?? 0, term))
  for (const shipper of shippers)
    ticker(`shipping the audit to the ${shipper.state.kind}`, ship?.every ?? 0, () => shipper.run()).wake()
  for (const source of sources) watchSource(source, term, health, scope, ticker, review)
  if (policySource !== undefined) watchPolicies(policySource, term, scope, ticker)
  return {
    wakePlanner: () => planner.wake(),
    fleetChanged: () => review.wake(),
    shippers,
    close: () => scope.close(),
  }
}

/** Takes in the newest snapshot of a source, one at a time; older ones in between are skipped. */
function watchSource(
  source: Discovery,
  term: Term,
  health: DiscoveryHealth,
  scope: Scope,
  ticker: (name: string, every: number, work: () => Promise<unknown>) => Ticker,
  review: Ticker,
): void {
  let newest: DiscoverySnapshot | undefined
  const intake = ticker(
    `discovery from ${source.source}`,
    term.settings.times.protectionInterval,
    async () => {
      if (newest === undefined) return
      const snapshot = newest
      await reconcileFleet(snapshot, term)
      // one that failed to be taken in is tried again
      if (newest === snapshot) newest = undefined
      review.wake()
    },
  )
  const watching = source.watch(snapshot => {
    health.take(snapshot, term.clock.now().wall)
    newest = snapshot
    intake.wake()
  }, term.signal)
  scope.defer(() => watching)
}

/** Takes in what the place of policies holds, the newest only; what failed to be taken in is tried again. */
function watchPolicies(
  source: PolicySource,
  term: Term,
  scope: Scope,
  ticker: (name: string, every: number, work: () => Promise<unknown>) => Ticker,
): void {
  const watched = new WatchedPolicies(source, term)
  let newest: PolicyView | undefined
  const intake = ticker(`policies from ${source.where}`, term.settings.times.protectionInterval, async () => {
    if (newest === undefined) return
    const view = newest
    await watched.take(view)
    if (newest === view) newest = undefined
  })
  const watching = source.watch(view => {
    newest = view
    intake.wake()
  }, term.signal)
  scope.defer(() => watching)
}
