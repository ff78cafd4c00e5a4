import { join } from 'node:path'
import { type Clock, systemClock } from '../shared/clock/index.ts'
import { AppError } from '../shared/errors/index.ts'
import { Scope } from '../shared/lifecycle/index.ts'
import type { Log } from '../shared/log/index.ts'
import { createMetrics, startStatusServer } from '../shared/metrics/index.ts'
import { protocolVersion, version } from '../shared/model/version.ts'
import type { Hello } from '../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { AgentConfig } from './config.ts'
import { openCredentials } from './credentials.ts'
import { engineFor } from './engines/index.ts'
import { type AgentMetrics, agentMetrics } from './host/agent-metrics.ts'
import { targetFrom } from './host/credentials.ts'
import { storeOpener } from './host/destinations.ts'
import { encryptionFrom } from './host/encryption.ts'
import { freeSpace } from './host/free-space.ts'
import { hostFacts } from './host/host-facts.ts'
import { hostSenses } from './host/host-senses.ts'
import { HostWatch } from './host/host-watch.ts'
import { resourcesToWire } from './host/resources-to-wire.ts'
import { ServerWatch } from './host/server-watch.ts'
import { sweepScratch } from './host/sweep-scratch.ts'
import { Yielder } from './host/yielder.ts'
import { DurableFolder, loadIdentity, lockStateFolder } from './identity/index.ts'
import { Anchors } from './jobs/anchors.ts'
import { Attempts } from './jobs/attempts.ts'
import { Journal } from './jobs/journal.ts'
import { Spool } from './jobs/spool.ts'
import type { Surroundings } from './jobs/surroundings.ts'
import { VerifyArea } from './jobs/verify-area.ts'
import { verifyServers } from './jobs/verify-servers.ts'
import { ReportFile } from './last-backup/index.ts'
import { Inventories } from './link/inventory.ts'
import { Link, type LinkEnd } from './link/link.ts'
import { Results } from './link/results.ts'
import { PartBudget } from './pipeline/index.ts'
import { StagingArea } from './pipeline/staging/index.ts'
import { Throttle } from './pipeline/throttle.ts'
import { createToolFinder } from './process/index.ts'

/** What tests may put in place of what the composition root makes. */
export type AgentOverrides = Partial<
  Pick<Surroundings, 'engineFor' | 'targetFor' | 'openStore' | 'clock'>
> & {
  readonly random?: () => number
}

/** A running agent. */
export interface Agent {
  readonly agentId: string
  /** The status port in use; undefined when off. */
  readonly statusPort: number | undefined
  readonly connected: boolean
  /** Resolves when the link gave up for good: stopped, or refused by the coordinator. */
  readonly ended: Promise<LinkEnd>
  /** Resolves when nothing is in hand. */
  idle(): Promise<void>
  /**
   * Stops: takes nothing new, aborts what runs within the grace, spools, says Goodbye. `force` skips the
   * grace, not the order: the journal holds the rest.
   */
  stop(force?: AbortSignal): Promise<void>
}

/**
 * The composition root of `holdfast-agent run`: the only place that puts the agent's parts together.
 * Construction order is teardown order, reversed.
 *
 * @throws AppError `agent.state-*`, `listen.failed`, `link.plaintext-refused`
 */
export async function startAgent(
  config: AgentConfig,
  log: Log,
  overrides: AgentOverrides = {},
): Promise<Agent> {
  const scope = new Scope()
  try {
    const clock = overrides.clock ?? systemClock
    const credentials = scope.own(await openCredentials(config, clock, log))
    const random = overrides.random ?? Math.random
    const state = await DurableFolder.open(config.state_dir)
    scope.own(lockStateFolder(config.state_dir))
    const kept = await loadIdentity(state, log)
    // who a certificate is for is not ours to choose
    const identity = { ...kept, agentId: credentials.agentId ?? kept.agentId }
    const agentLog = log.child({ agent_id: identity.agentId })
    const journal = await Journal.open(config.state_dir, agentLog)
    const spool = await Spool.open(config.state_dir, clock.now().wall, agentLog)
    const scratch = join(config.state_dir, 'scratch')
    await sweepScratch(scratch)
    const staging = new StagingArea({
      folder: config.staging.folder ?? join(config.state_dir, 'staging'),
      reserveBytes: config.staging.reserve,
      log: agentLog,
      freeSpace,
    })
    // what cannot be swept now is refused for want of room later, with the reason
    await staging
      .sweep()
      .catch((error: unknown) => agentLog.warn('the staging folder could not be swept', { error }))
    const verifying =
      config.verify === undefined
        ? undefined
        : new VerifyArea({
            folder: config.verify.folder,
            atOnce: config.verify.at_once,
            user: config.verify.user,
            log: agentLog,
            freeSpace,
          })
    await verifying
      ?.sweep()
      .catch((error: unknown) => agentLog.warn('the verify folder could not be swept', { error }))
    const tools = createToolFinder({ paths: config.tools.paths, folders: config.tools.folders })
    const facts = () =>
      hostFacts({
        tools,
        nodeId: config.node_id,
        nodeName: config.node_name,
        addresses: config.addresses,
        loopback: !config.pool && !config.keeper,
      })
    const limits = {
      slots: config.slots,
      maxRate: config.max_rate === 0 ? undefined : config.max_rate,
      partBufferBytes: config.part_budget,
    }
    const throttle = new Throttle(limits.maxRate, clock)
    const yielding = new Yielder({
      throttle,
      limits: { ...config.pressure, loadPerCore: config.pressure.load_per_core },
      clock,
      log: agentLog,
    })
    const world: Surroundings = {
      journal,
      spool,
      clock,
      log: agentLog,
      tools,
      budget: new PartBudget(config.part_budget),
      codec: config.codec,
      encryption: encryptionFrom(config.encryption),
      staging,
      ...(verifying === undefined ? {} : { verifying }),
      throttle,
      keeper: config.keeper,
      yielding,
      idleTimeoutMs: config.idle_timeout,
      childPriority: {
        nice: config.children.nice,
        ...(config.children.ionice_class === undefined ? {} : { ioniceClass: config.children.ionice_class }),
      },
      hooks: new Map(Object.entries(config.hooks)),
      scratch,
      ...(credentials.signer === undefined ? {} : { signer: credentials.signer }),
      host: { agentId: identity.agentId, hostname: (await facts()).hostname, version },
      bootId: identity.bootId,
      engineFor: overrides.engineFor ?? engineFor,
      targetFor:
        overrides.targetFor ?? ((instance, purpose) => targetFrom(config.instances, instance, purpose)),
      openStore: overrides.openStore ?? storeOpener(config.destinations, agentLog),
    }

    const registry = createMetrics()
    let counts: AgentMetrics | undefined
    const report = scope.own(
      await ReportFile.open(
        config.status_file ?? join(config.state_dir, 'last_backup.json'),
        { host: world.host.hostname, agent_id: identity.agentId, agent_version: version },
        agentLog,
      ),
    )
    const results = new Results({ spool, clock, log: agentLog })
    const told = (sending: Promise<void>) => {
      sending.catch((error: unknown) => agentLog.error('a result could not be sent', { error }))
    }
    const attempts = new Attempts({
      world,
      slots: config.slots,
      send: frame => link.send(frame),
      onResult: result => {
        counts?.ended(result)
        report.add(result)
        told(results.flush())
      },
      onAsked: result => told(results.sayAgain(result)),
    })
    const watch = new HostWatch({
      senses: hostSenses([
        { purpose: 'state', path: config.state_dir },
        { purpose: 'staging', path: staging.folder, reserveBytes: config.staging.reserve },
      ]),
      clock,
      onReading: reading => yielding.look(reading),
    })
    const inventories = new Inventories({ world, random, send: frame => link.sendWithin(frame) })
    const anchors = new Anchors({
      keeper: config.keeper,
      world,
      send: reply => link.sendWithin({ $case: 'anchorReply', value: reply }),
    })
    const hello = async (): Promise<Hello> => ({
      agentId: identity.agentId,
      instanceId: identity.instanceId,
      bootId: identity.bootId,
      version,
      protocolVersion,
      features: [
        'restore',
        'encryption',
        'destination-settings',
        'hooks',
        'rate',
        ...(verifying === undefined ? [] : ['verify']),
        ...(config.keeper ? ['keeper', 'anchor', 'backup-delete'] : []),
      ],
      host: await facts(),
      running: [...attempts.running()],
      unacknowledged: spool.pending().map(({ attempt }) => ({
        jobId: attempt.job_id,
        attemptId: attempt.attempt_id,
        epoch: attempt.epoch,
      })),
      sentAt: clock.now().wall,
      lastIncarnation: spool.lastIncarnation,
      pool: config.pool,
      keeper: config.keeper,
      hooks: Object.keys(config.hooks).sort(),
      verifyServers: await verifyServers(world),
    })
    const servers = serverWatch(config, clock)
    const link: Link = new Link({
      get channel() {
        return credentials.channel()
      },
      clock,
      log: agentLog,
      random,
      longestWait: config.coordinator.longest_wait,
      hello,
      heartbeat: () => ({
        running: [...attempts.running()],
        sentAt: clock.now().wall,
        load1: watch.latest?.load1 ?? 0,
        memoryAvailableBytes: watch.latest?.memoryAvailableBytes ?? 0,
        spooledResults: spool.size.pending,
        draining: attempts.draining,
        resources:
          watch.latest === undefined ? undefined : resourcesToWire(watch.latest, limits, yielding.now.why),
        listening: (servers?.latest ?? []).map(({ program, sockets }) => ({
          program,
          sockets: sockets.map(each => ({ ...each })),
        })),
      }),
      attempts,
      results,
      inventories,
      anchors,
      hooks: { onDial: () => counts?.dialled(), onIgnored: why => counts?.ignored(why) },
    })
    counts = agentMetrics(registry, {
      spool,
      connected: () => link.connected,
      running: () => attempts.running().length,
      slots: config.slots,
      expiries: () => credentials.expiries(),
    })

    const status =
      config.status.port === 0
        ? undefined
        : scope.own(
            await startStatusServer({
              listen: config.status,
              registry,
              log: agentLog,
              ready: () =>
                link.connected
                  ? { ok: true, reasons: [] }
                  : { ok: false, reasons: ['no coordinator serves this agent'] },
            }),
          )
    // before the first Hello, so that it lists what is being recovered (J6)
    await attempts.recoverAll()
    // before the first heartbeat, which tells of the host
    await Promise.all([watch.look(), servers?.look()])
    const watching = new AbortController()
    const watched = Promise.all([watch.run(watching.signal), servers?.run(watching.signal)])
    scope.defer(async () => {
      watching.abort()
      await watched
    })
    const ended = link.run()
    credentials.begin(() => link.redial())
    agentLog.info('the agent runs', {
      version,
      coordinator: config.coordinator.address,
      state_dir: config.state_dir,
      keeper: config.keeper,
      pool: config.pool,
      boot_id: identity.bootId,
    })
    const agent: Agent = {
      agentId: identity.agentId,
      statusPort: status?.port,
      get connected() {
        return link.connected
      },
      ended,
      idle: () => attempts.idle(),
      stop: once(async (force = new AbortController().signal) => {
        const grace = AbortSignal.any([force, AbortSignal.timeout(Math.max(1, config.stop_grace))])
        await attempts.stop(grace)
        await results.flush()
        await anchors.stop()
        await link.stop('the agent is stopping')
        await ended
        await scope.close()
      }),
    }
    return agent
  } catch (thrown) {
    await scope.close().catch(() => {})
    throw AppError.from(thrown)
  }
}

/** The first call does it, later ones wait for it. */
function once<A>(act: (argument?: A) => Promise<void>): (argument?: A) => Promise<void> {
  let doing: Promise<void> | undefined
  return argument => {
    doing ??= act(argument)
    return doing
  }
}

/** Of servers that nobody registered; who serves other hosts, or only buckets, has no say on this one. */
function serverWatch({ unregistered, pool, keeper }: AgentConfig, clock: Clock): ServerWatch | undefined {
  const { report, ports, exclude_ports: exclude } = unregistered
  return report && !pool && !keeper ? new ServerWatch({ clock, ports, exclude }) : undefined
}
