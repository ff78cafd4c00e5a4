import { type AgentId, isId } from '../../../shared/model/identifiers.ts'
import { failureFromWire } from '../../../shared/wire/failure.ts'
import type {
  AttemptRef,
  Hello,
  ReplicationSource,
  Result,
  VerifyReport,
  Inventory as WireInventory,
  ListeningServer as WireListeningServer,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { type HookRun, type HostResources, JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import type { InventoryChunk } from '../../fleet/inventory-assembly.ts'
import type { ListeningServer } from '../../fleet/unregistered.ts'
import type { RunningRef } from '../../operations/live-agents.ts'
import type { SeenAgent } from '../../operations/record-agent.ts'
import type { NamedAttempt } from '../../operations/report-attempt.ts'
import type { ReportedResult, ReportedVerification } from '../../operations/result.ts'
import type { HostClaim } from '../../planner/host-claim.ts'
import type { AttemptHook } from '../../store/records.ts'

/** More attempts than any agent holds; the rest of a list is dropped. */
const mostRefs = 1_000
const mostListed = 256
/** An attempt opens one backup. */
const mostKeysUsed = 16
/** Of what differs; how many there are is told beside it. */
const mostDifferences = 20
/** Of one host: beyond that it is a mistake or a lie. */
const mostCores = 16_384
const mostMemory = 2 ** 50
/** Of what a hook said, characters. */
const mostDetail = 1_200

/** An attempt as the peer names it, or undefined when its ids are none. */
export function namedAttempt(ref: AttemptRef | undefined): NamedAttempt | undefined {
  if (ref === undefined || !isId('job', ref.jobId) || !isId('attempt', ref.attemptId)) return undefined
  return { jobId: ref.jobId, attemptId: ref.attemptId, epoch: ref.epoch }
}

/** What an agent says it works on; what is not well-formed is left out and counted. */
export function runningRefs(
  refs: readonly AttemptRef[],
  agentId: AgentId,
): { readonly refs: readonly RunningRef[]; readonly malformed: number } {
  const taken = refs.slice(0, mostRefs).flatMap(ref => {
    const named = namedAttempt(ref)
    return named === undefined ? [] : [{ ...named, agentId }]
  })
  return { refs: taken, malformed: refs.length - taken.length }
}

/** The agent of a Hello, or what is wrong with it. */
export function agentFromHello(hello: Hello, receivedAt: number): SeenAgent | string {
  if (!isId('agent', hello.agentId)) return 'agent_id is no agent id'
  if (hello.instanceId === '' || hello.bootId === '') return 'instance_id and boot_id must be given'
  const { host } = hello
  if (host === undefined || host.hostname === '') return 'host.hostname must be given'
  return {
    id: hello.agentId,
    instanceUuid: short(hello.instanceId),
    bootId: short(hello.bootId),
    hostname: short(host.hostname),
    nodeId: short(host.nodeId),
    nodeName: short(host.nodeName),
    addresses: host.addresses.slice(0, mostListed).map(short),
    version: short(hello.version),
    features: hello.features.slice(0, mostListed).map(short),
    tools: host.tools.slice(0, mostListed).map(tool => ({
      name: short(tool.name),
      version: short(tool.version),
      path: short(tool.path),
    })),
    cores: within(host.cores, mostCores),
    memoryBytes: within(host.memoryBytes, mostMemory),
    keeper: hello.keeper,
    pool: hello.pool,
    ...(hello.hooks.length === 0 ? {} : { hooks: hello.hooks.slice(0, mostListed).map(short) }),
    ...(hello.verifyServers.length === 0
      ? {}
      : {
          verifyServers: hello.verifyServers
            .slice(0, mostListed)
            .map(({ engine, version }) => ({ engine: short(engine), version: short(version) })),
        }),
    clockOffsetMs: hello.sentAt === 0 ? 0 : receivedAt - hello.sentAt,
  }
}

/** What a heartbeat says of its host, with texts and lists of bounded length; believed by no one yet. */
export function hostClaim({ disks, links, yielding, ...rest }: HostResources): HostClaim {
  return {
    ...rest,
    yielding: short(yielding),
    disks: disks.slice(0, mostListed).map(disk => ({
      ...disk,
      path: short(disk.path),
      purposes: disk.purposes.slice(0, mostListed).map(short),
    })),
    links: links.slice(0, mostListed).map(link => ({ ...link, name: short(link.name) })),
  }
}

/** Database servers of a host; what names no port is none. */
export function listeningServers(servers: readonly WireListeningServer[]): readonly ListeningServer[] {
  return servers.slice(0, mostListed).flatMap(({ program, sockets }) => {
    const usable = sockets
      .slice(0, mostListed)
      .filter(each => each.port > 0 && each.port < 65_536)
      .map(({ address, port }) => ({ address: short(address), port }))
    return usable.length === 0 ? [] : [{ program: short(program), sockets: usable }]
  })
}

/** A chunk of an inventory, or undefined when it names no instance. */
export function inventoryChunk(wire: WireInventory): InventoryChunk | undefined {
  if (!isId('instance', wire.instanceId)) return undefined
  const { facts } = wire
  return {
    instanceId: wire.instanceId,
    generation: wire.generation,
    chunk: wire.chunk,
    last: wire.last,
    databases: wire.databases,
    ...(facts === undefined
      ? {}
      : {
          facts: {
            serverVersion: short(facts.serverVersion),
            role: facts.role === 'replica' ? ('replica' as const) : ('primary' as const),
            evidence: facts.evidence,
            missingPrivileges: facts.missingPrivileges.slice(0, mostListed).map(short),
            replicationLagMs: facts.replicationLagUnknown
              ? Number.POSITIVE_INFINITY
              : Math.max(0, facts.replicationLagMs),
            ...(facts.replicationSource === undefined
              ? {}
              : { replicationSource: sourceOf(facts.replicationSource) }),
            hasGlobals: facts.hasGlobals,
          },
        }),
    ...(wire.failure === undefined ? {} : { failure: failureFromWire(wire.failure) }),
  }
}

function sourceOf({ host, port, addresses }: ReplicationSource) {
  return { host: short(host), port, addresses: addresses.slice(0, mostListed).map(short) }
}

/** A result as reported: texts, not trusted yet. */
export function reportedResult(wire: Result): ReportedResult {
  return {
    resultId: wire.resultId,
    jobId: wire.attempt?.jobId ?? '',
    attemptId: wire.attempt?.attemptId ?? '',
    epoch: wire.attempt?.epoch ?? 0,
    kind: kindOf(wire.kind),
    outcome: wire.outcome,
    ...(wire.failure === undefined ? {} : { failure: failureFromWire(wire.failure) }),
    manifest: wire.manifest,
    manifestKey: wire.manifestKey,
    destination: wire.destination,
    startedAt: wire.startedAt,
    endedAt: wire.endedAt,
    rawBytes: wire.rawBytes,
    storedBytes: wire.storedBytes,
    debris: wire.debris,
    attemptPrefix: wire.attemptPrefix,
    copies: wire.copies.slice(0, mostListed).map(copy => ({
      destination: short(copy.destination),
      state: copy.state === 'present' ? ('present' as const) : ('missing' as const),
      ...(copy.failure === undefined ? {} : { failure: failureFromWire(copy.failure) }),
      debris: copy.debris,
    })),
    warnings: wire.warnings.slice(0, mostListed).map(short),
    ...(wire.observed === undefined ? {} : { observed: { ...wire.observed, ...shortened(wire.observed) } }),
    hooks: wire.hooks.slice(0, mostListed).map(hookRun),
    keysUsed: wire.keysUsed.slice(0, mostKeysUsed).map(({ kind, key, backupId }) => ({
      kind: short(kind),
      key: short(key),
      backupId: short(backupId),
    })),
    ...(wire.verify === undefined ? {} : { verify: verifyReport(wire.verify) }),
  }
}

function verifyReport({ failure, differences, ...report }: VerifyReport): ReportedVerification {
  const { verdict, serverVersion } = report
  return {
    verdict: short(verdict),
    restoreMs: Math.max(0, report.restoreMs),
    totalMs: Math.max(0, report.totalMs),
    serverVersion: short(serverVersion),
    tables: Math.max(0, report.tables),
    rows: Math.max(0, report.rows),
    rawBytes: Math.max(0, report.rawBytes),
    differences: differences.slice(0, mostDifferences).map(short),
    differenceCount: Math.max(differences.length, report.differenceCount),
    ...(failure === undefined ? {} : { failure: failureFromWire(failure) }),
  }
}

function hookRun({ name, moment, outcome, status, durationMs, detail }: HookRun): AttemptHook {
  return {
    name: short(name),
    moment: short(moment),
    outcome: short(outcome),
    ...(status === undefined ? {} : { status }),
    durationMs: Math.max(0, durationMs),
    detail: detail.slice(0, mostDetail),
  }
}

function shortened({ strategy, strategyReason }: NonNullable<Result['observed']>) {
  return { strategy: short(strategy), strategyReason: short(strategyReason) }
}

function kindOf(kind: JobKind): ReportedResult['kind'] {
  switch (kind) {
    case JobKind.BACKUP:
      return 'backup'
    case JobKind.RESTORE:
      return 'restore'
    case JobKind.DELETE:
      return 'delete'
    case JobKind.COPY:
      return 'copy'
    case JobKind.VERIFY:
      return 'verify'
    default:
      return 'unknown'
  }
}

/** A count as it can be: what is negative is unknown. */
function within(count: number, most: number): number {
  return Math.min(Math.max(0, count), most)
}

/** A peer's text of bounded length. */
function short(text: string): string {
  return text.slice(0, 512)
}
