import { hostname } from 'node:os'
import { type Clock, newId, systemClock } from '../shared/clock/index.ts'
import type { Discovery } from '../shared/discovery/index.ts'
import { AppError } from '../shared/errors/index.ts'
import { Scope } from '../shared/lifecycle/index.ts'
import type { Log } from '../shared/log/index.ts'
import { createMetrics, startStatusServer } from '../shared/metrics/index.ts'
import { version } from '../shared/model/version.ts'
import { readSecret } from '../shared/secrets/index.ts'
import { channelSpecsOf } from './alert-config.ts'
import {
  AlertBook,
  type Notifier,
  openChannels,
  type StoreWatch,
  startDeadMan,
  startDelivery,
  startRepeats,
  watchStore,
} from './alerts/index.ts'
import { type CoordinatorConfig, settingsOf } from './config.ts'
import { discoverySourcesOf } from './discovery-config.ts'
import { FleetMap } from './fleet/fleet-map.ts'
import { openDoor } from './identity/door.ts'
import { createIdentities } from './identity/identities.ts'
import { withLive } from './live-settings.ts'
import {
  databaseSeriesPage,
  databaseSeriesPath,
  declareCounts,
  declareGauges,
  takePicture,
} from './metrics/index.ts'
import { anchorAudit } from './operations/anchor-audit.ts'
import { AnchorTasks } from './operations/anchor-tasks.ts'
import { DiscoveryHealth } from './operations/discovery-health.ts'
import { InTurn } from './operations/in-turn.ts'
import { createOperations, type Operations } from './operations/index.ts'
import { JobViews } from './operations/job-views.ts'
import { Lead, type LedTerm, type Reign } from './operations/lead.ts'
import { LeaseClock } from './operations/lease-clock.ts'
import { LiveAgents } from './operations/live-agents.ts'
import { loadTerm } from './operations/load-term.ts'
import { OpenJobs } from './operations/open-jobs.ts'
import { Pauses } from './operations/pauses.ts'
import { PoliciesInForce } from './operations/policies-in-force.ts'
import { Predictions } from './operations/predictions.ts'
import { RunRates } from './operations/run-rates.ts'
import { SecurityAudit } from './operations/security-audit.ts'
import { SettingsInForce } from './operations/settings-in-force.ts'
import { Shortages } from './operations/shortages.ts'
import { StoreOutcomes } from './operations/store-outcomes.ts'
import type { Term } from './operations/term.ts'
import { startLoops, type TermLoops } from './operations/term-loops.ts'
import { Ticker } from './operations/ticker.ts'
import { TokenBook } from './operations/token-book.ts'
import { ToldRates } from './operations/told-rates.ts'
import { UnfitVerifiers } from './operations/unfit-verifiers.ts'
import { policySourceOf } from './policy-source.ts'
import { agentLinkService } from './rpc/agent-link/service.ts'
import { Sessions } from './rpc/agent-link/sessions.ts'
import { enrolmentService } from './rpc/enrolment/service.ts'
import { loopbackCallerAs } from './rpc/loopback-caller.ts'
import { operatorService } from './rpc/operator/service.ts'
import { type RunningServer, startServer } from './rpc/server.ts'
import { tokenCaller } from './rpc/token-caller.ts'
import { openStore, type Store } from './store/index.ts'
import type { Leadership } from './store/port.ts'

/** What the command says of this start, and what tests may put in place of what the composition root makes. */
export interface CoordinatorOverrides {
  /** The store was put back from a copy: it gets a new incarnation, and agents tell it again what it lost (A5). */
  readonly restored?: boolean
  readonly clock?: Clock
  readonly store?: Store
  readonly sources?: readonly Discovery[]
  readonly notifiers?: ReadonlyMap<string, Notifier>
}

/** How late a standby may hear of a token that was made or revoked. */
const tokenRefresh = 5_000

/** A running coordinator. */
export interface Coordinator {
  readonly host: string
  readonly port: number
  /** The status port in use; undefined when off. */
  readonly statusPort: number | undefined
  readonly operations: Operations
  /** The term it leads in now. */
  readonly term: number | undefined
  /** Renews the listener's certificate now if that is due, in place of within the hour. */
  renewTls(): Promise<boolean>
  /** Looks at the certificate files now, in place of some seconds later. */
  reloadTls(): Promise<void>
  /** Stops in order; the signal skips every grace, not the order. */
  stop(force?: AbortSignal): Promise<void>
}

/**
 * The composition root of `holdfast-coordinator run`: the only place that puts its parts together. Construction
 * order is teardown order, reversed: report draining → stop accepting and loops → let go of the agents →
 * deliver pending alerts → close the server → close the store.
 *
 * @throws AppError `store.*`, `listen.*`, `secret.*`, `config.invalid`
 */
export async function startCoordinator(
  config: CoordinatorConfig,
  log: Log,
  overrides: CoordinatorOverrides = {},
): Promise<Coordinator> {
  const scope = new Scope()
  const clock = overrides.clock ?? systemClock
  const startedAt = clock.now().wall
  try {
    const settings = settingsOf(config)
    const registry = createMetrics()
    let operations: Operations | undefined
    const counts = declareCounts(registry)
    const showPicture = declareGauges(registry, version)
    const notifiers = overrides.notifiers ?? (await openChannels(channelSpecsOf(config.alerts), clock))
    const deadMan = await deadManUrl(config)
    const sources = overrides.sources ?? discoverySourcesOf(config.discovery, log)
    const policySource = policySourceOf(config.policy, config.discovery)
    const health = new DiscoveryHealth()
    for (const { source } of sources) health.expect(source)
    const { password_file: passwordFile } = config.store
    const store =
      overrides.store ??
      scope.own(
        await openStore({
          url: config.store.url,
          clock,
          log,
          metrics: counts.store,
          restored: overrides.restored ?? false,
          ...(passwordFile === undefined ? {} : { passwordFile }),
        }),
      )

    let current: { readonly term: Term; readonly loops: TermLoops; readonly reign: Reign } | undefined
    let draining = false
    let wakeAlerts = () => {}
    let wakePlanner = () => {}
    let reviewSoon = () => {}
    const shipStates = () => current?.loops.shippers.map(each => each.state) ?? []
    const led = (): Term | undefined => (current?.reign.leads() ? current.term : undefined)
    const security = new SecurityAudit(led)
    const sessions = new Sessions(id => {
      const term = led()
      return term?.live.isConnected(id) === true && !term.live.isSilent(id, clock.now())
    })
    operations = createOperations({
      store,
      clock,
      version,
      startedAt,
      discovery: health,
      goneGrace: settings.times.goneGrace,
      retentionGrace: settings.retention.grace,
      term: led,
      draining: () => draining,
      notifiers,
    })

    const tokens = new TokenBook()
    await tokens.refresh(store.read, startedAt)
    const door = scope.own(
      await openDoor(config, clock, log, {
        issuedTo: ({ keyId }) => tokens.principalOfKey(keyId, led()?.fleet),
        refuses: principal => tokens.refuses(principal, clock.now().wall),
      }),
    )
    const callerOf = tokenCaller(
      secret => tokens.principalOf(secret, led()?.fleet, clock.now().wall),
      door.tls === undefined ? loopbackCallerAs(config.access.loopback) : door.callerOf,
    )
    const env = { callerOf, log, streams: door.streams }
    door.standing.addRevoked((await store.read.revocations()).map(each => each.agentId))
    const identities = createIdentities({
      issuer: door.issuer,
      store,
      led: () => {
        const term = led()
        if (term === undefined) throw new AppError('leader.none')
        return term
      },
      onRevoked: agentId => {
        door.standing.addRevoked([agentId])
        door.streams.review()
      },
    })
    const server: RunningServer = scope.own(
      await startServer({
        listen: config.listen,
        insecureLoopback: config.insecure_loopback,
        ...(door.tls === undefined ? {} : { tls: door.tls }),
        callerOf,
        log,
        services: [
          agentLinkService(env, {
            clock,
            log,
            version,
            sessions,
            counts: counts.link,
            term: led,
            draining: () => draining,
            limits: config.limits,
            refused: (actor, reason, subject, at) => {
              counts.securityRefused()
              security.refused(actor, reason, subject, at)
            },
            fleetChanged: () => current?.loops.fleetChanged(),
          }),
          operatorService(env, { store, operations, identities }),
          enrolmentService(env, identities, (reason, subject) => {
            counts.securityRefused()
            security.refused('newcomer', reason, subject, clock.now().wall)
          }),
        ],
        limits: config.limits,
        onRefused: ({ peer, actor, path, reason }) => {
          counts.securityRefused()
          security.refused(actor ?? peer.replace(/:\d+$/, ''), reason, path, clock.now().wall)
        },
      }),
    )

    const begin = async (reign: Reign): Promise<LedTerm> => {
      const term = newTerm(reign)
      reign.signal.addEventListener(
        'abort',
        () => {
          current = undefined
          server.setServing(false)
          sessions.endAll()
        },
        { once: true },
      )
      await tokens.refresh(store.read, clock.now().wall)
      await loadTerm(term)
      if (reign.signal.aborted) throw new AppError('leader.deposed')
      const termScope = new Scope()
      const delivery = termScope.own(
        startDelivery({ store, notifiers, clock, log, metrics: counts.delivery, grace: config.stop_grace }),
      )
      termScope.own(
        startRepeats({ notifiers, open: () => term.alerts.all(), leads: () => reign.leads(), clock, log }),
      )
      wakeAlerts = () => delivery.wake()
      const loops = startLoops(term, sources, health, policySource)
      wakePlanner = () => loops.wakePlanner()
      reviewSoon = () => loops.fleetChanged()
      current = { term, loops, reign }
      server.setServing(true)
      return {
        close: async () => {
          await loops.close()
          await termScope.close()
        },
      }
    }
    const newTerm = (reign: Reign): Term => {
      const policies = new PoliciesInForce({
        ...settings.configured,
        home: 'configuration',
        revision: 0,
        ...(settings.budgets === undefined ? {} : { budgets: settings.budgets }),
      })
      const inForce = new SettingsInForce(settings, policies, live => withLive(settings, config.alerts, live))
      return {
        number: reign.number,
        signal: reign.signal,
        leads: reign.leads,
        store,
        clock,
        log: log.child({ term: reign.number }),
        newId,
        get settings() {
          return inForce.now
        },
        unfit: new UnfitVerifiers(),
        jobs: new OpenJobs(),
        alerts: new AlertBook(),
        outcomes: new StoreOutcomes(),
        fleet: new FleetMap(),
        policies,
        predictions: new Predictions(),
        shortages: new Shortages(),
        runs: new RunRates(),
        live: new LiveAgents(3 * settings.times.heartbeat),
        leases: new LeaseClock(Math.max(2_000, 3 * settings.times.leaseTick)),
        rates: new ToldRates(),
        pauses: new Pauses(),
        tokens,
        views: new JobViews(),
        messenger: sessions,
        meter: counts.work,
        anchors: new AnchorTasks(),
        inventories: new InTurn(),
        credentialRevoked: () => void door.streams.review(),
        refused: (actor, reason, subject) => security.refused(actor, reason, subject, clock.now().wall),
        storeLost: error => reign.end(error.message),
        wakeAlerts: () => wakeAlerts(),
        wakePlanner: () => wakePlanner(),
        reviewSoon: () => reviewSoon(),
      }
    }

    const status =
      config.status.port === 0
        ? undefined
        : scope.own(
            await startStatusServer({
              listen: config.status,
              registry,
              log,
              pages: { [databaseSeriesPath]: databaseSeriesPage(led, registry.contentType) },
              ready: () => {
                const reasons = [
                  ...(draining ? ['stopping'] : []),
                  ...(led() === undefined ? ['standing by: another coordinator leads, or none yet'] : []),
                ]
                return { ok: reasons.length === 0, reasons }
              },
            }),
          )
    const background = new AbortController()
    scope.own(
      new Ticker({
        name: 'the picture for metrics',
        every: settings.times.protectionInterval,
        work: async () => {
          if (operations !== undefined)
            await showPicture(
              await takePicture(operations, led(), { ships: shipStates(), expiries: door.expiries() }),
            )
        },
        clock,
        log,
        signal: background.signal,
      }),
    )
    scope.own(
      new Ticker({
        // what another coordinator revoked while this one stands by
        name: 'the list of revocations',
        every: 5_000,
        work: async () =>
          door.standing.addRevoked((await store.read.revocations()).map(each => each.agentId)),
        clock,
        log,
        signal: background.signal,
      }),
    )
    scope.own(
      new Ticker({
        name: 'the audit of refusals',
        every: 20_000,
        work: async () => security.flush(clock.now().wall),
        clock,
        log,
        signal: background.signal,
      }),
    )
    scope.own(
      new Ticker({
        name: 'the tokens of operators',
        every: tokenRefresh,
        // the leader knows them as it commits them; what another one committed is read
        work: async () => {
          if (led() === undefined) await tokens.refresh(store.read, clock.now().wall)
        },
        clock,
        log,
        signal: background.signal,
      }),
    )
    if (deadMan !== undefined)
      scope.own(
        startDeadMan({
          url: deadMan,
          every: config.dead_man.every,
          healthy: () => led() !== undefined && !draining,
          clock,
          log,
        }),
      )
    const storeWatch = scope.own(
      watchStore({
        notifiers,
        rules: () => (led()?.settings ?? settings).alerts,
        newAlertId: () => newId('alert'),
        clock,
        log,
      }),
    )
    const lead = scope.own(
      new Lead({
        leadership: watchedLeadership(store.leadership, storeWatch),
        clock,
        log,
        holder: `${hostname()}/${process.pid}`,
        times: settings.times,
        begin,
      }),
    )
    log.info('the coordinator runs', { version, listen: `${server.host}:${server.port}`, store: store.kind })
    return {
      host: server.host,
      port: server.port,
      statusPort: status?.port,
      operations,
      get term() {
        return led()?.number
      },
      renewTls: () => door.renew(),
      reloadTls: async () => door.tls?.look(),
      stop: once(async (force?: AbortSignal) => {
        draining = true
        server.setServing(false)
        log.info('stopping')
        const cut = () => void server.close(0)
        force?.addEventListener('abort', cut, { once: true })
        await lastAnchor(led(), config.stop_grace, log, force)
        if (current !== undefined) await lastShipment(current.loops, config.stop_grace, force)
        // loops end, agents are let go, pending alerts leave, then everything else in reverse
        await lead.close()
        await scope.close()
        log.info('stopped')
      }),
    }
  } catch (thrown) {
    await scope.close()
    throw thrown
  }
}

/** The same leadership; the watch of the store hears how each question to it went. */
function watchedLeadership(leadership: Leadership, watch: StoreWatch): Leadership {
  const heard = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      const answer = await asked
      watch.well()
      return answer
    } catch (thrown) {
      watch.failed(AppError.from(thrown).code)
      throw thrown
    }
  }
  return {
    get term() {
      return leadership.term
    },
    tryAcquire: async (holder, staleAfterMs) => {
      const term = await heard(leadership.tryAcquire(holder, staleAfterMs))
      watch.leads(term !== undefined)
      return term
    },
    renew: () => heard(leadership.renew()),
    release: () => leadership.release(),
  }
}

/** What was done since the last anchor is anchored before keepers are let go of. */
async function lastAnchor(
  term: Term | undefined,
  grace: number,
  log: Log,
  force: AbortSignal | undefined,
): Promise<void> {
  if (term?.settings.anchors === undefined || grace === 0) return
  const limit = AbortSignal.any([
    term.signal,
    AbortSignal.timeout(grace),
    ...(force === undefined ? [] : [force]),
  ])
  await anchorAudit(term, limit).catch((error: unknown) =>
    log.warn('the head of the audit chain could not be anchored at the end', { error }),
  )
}

/** What was done last is shipped before the store closes, as far as that goes in time; the next leader ships the rest. */
async function lastShipment(
  { shippers }: TermLoops,
  grace: number,
  force: AbortSignal | undefined,
): Promise<void> {
  if (shippers.length === 0 || grace === 0) return
  const limit = AbortSignal.any([AbortSignal.timeout(grace), ...(force === undefined ? [] : [force])])
  const over = new Promise<void>(resolve => limit.addEventListener('abort', () => resolve(), { once: true }))
  const all = Promise.all(shippers.map(each => each.run(true).catch(() => undefined)))
  await Promise.race([all, over])
}

async function deadManUrl({
  dead_man: { url, url_file: file },
}: CoordinatorConfig): Promise<(() => Promise<string>) | undefined> {
  if (url !== undefined) return async () => url
  if (file === undefined) return undefined
  // what is wrong is told at the start
  await readSecret(file)
  return () => readSecret(file)
}

function once(work: (force?: AbortSignal) => Promise<void>): (force?: AbortSignal) => Promise<void> {
  let done: Promise<void> | undefined
  return force => {
    done ??= work(force)
    return done
  }
}
