import { version } from '../../../shared/model/version.ts'
import { failureToWire } from '../../../shared/wire/failure.ts'
import type { HostResources } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import type {
  Agent as WireAgent,
  Database as WireDatabase,
  Instance as WireInstance,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { versionSkew } from '../../fleet/version-skew.ts'
import type { AgentWork, LiveAgent } from '../../operations/index.ts'
import { doubtText, type HostClaim } from '../../planner/host-claim.ts'
import type { ReadModel } from '../../store/port.ts'
import type {
  AgentRecord,
  DatabaseRecord,
  DatabaseStateRecord,
  InstanceRecord,
  VerificationState,
} from '../../store/records.ts'
import type { Names } from './naming.ts'

/** An agent: its row, what the leader hears of it now, what it does, and how many instances it answers for. */
export function agentToWire(
  agent: AgentRecord,
  {
    live,
    instances,
    work,
  }: {
    readonly live: LiveAgent | undefined
    readonly instances: number
    readonly work: AgentWork | undefined
  },
): WireAgent {
  const host = live?.host
  return {
    agentId: agent.id,
    hostname: agent.hostname,
    version: agent.version,
    connected: live?.connected ?? false,
    state: live?.state ?? 'away',
    lastSeenAt: Math.max(agent.lastSeenAt, live?.lastSeenAt ?? 0),
    clockOffsetMs: live?.clockOffset ?? agent.clockOffsetMs,
    keeper: agent.keeper,
    pool: agent.pool,
    cores: agent.cores,
    memoryBytes: agent.memoryBytes,
    runningJobIds: [...(live?.running ?? [])],
    instances,
    spooledResults: live?.spooledResults ?? 0,
    features: [...agent.features],
    hooks: [...(agent.hooks ?? [])],
    tools: agent.tools.map(tool => ({ name: tool.name, value: tool.version })),
    bootId: agent.bootId,
    firstSeenAt: agent.firstSeenAt,
    addresses: [...agent.addresses],
    draining: agent.draining,
    versionSkew: versionSkew(agent.version, version),
    resources: host === undefined ? undefined : resourcesToWire(host.claim),
    resourcesAt: host?.at ?? 0,
    doubts: (host?.doubts ?? []).map(doubtText),
    slots: work?.slots ?? 0,
    drainTaken: live?.drainTaken ?? false,
    replicationLags: (work?.lags ?? []).map(({ service, lag }) => ({ name: service, value: String(lag) })),
    running: (work?.running ?? []).map(({ jobId, what }) => ({ name: jobId, value: what })),
  }
}

function resourcesToWire({ disks, links, pressure, ...rest }: HostClaim): HostResources {
  return {
    ...rest,
    disks: disks.map(disk => ({ ...disk, purposes: [...disk.purposes] })),
    links: links.map(link => ({ ...link })),
    pressure: pressure === undefined ? undefined : { ...pressure },
  }
}

/** An instance with its agent and gap, and how many databases its cluster has. */
export async function instanceToWire(
  instance: InstanceRecord,
  databases: number,
  read: ReadModel,
  names: Names,
): Promise<WireInstance> {
  const cluster = await read.cluster(instance.clusterId)
  return {
    instanceId: instance.id,
    clusterId: instance.clusterId,
    engine: instance.engine,
    service: instance.service,
    address: instance.address,
    port: instance.port,
    node: instance.nodeName,
    datacenter: instance.datacenter,
    source: instance.source,
    agentId: instance.agentId ?? '',
    agentHost: await names.agent(instance.agentId),
    serverVersion: instance.serverVersion ?? '',
    role: instance.role ?? '',
    databases,
    gap: instance.gap?.code ?? '',
    gapDetail: instance.gap?.detail ?? '',
    firstSeenAt: instance.firstSeenAt,
    lastSeenAt: instance.lastSeenAt,
    goneSince: instance.goneSince ?? 0,
    evidence: (cluster?.evidence ?? []).map(({ kind, value }) => ({ kind, value })),
    inventoriedAt: instance.inventoriedAt ?? 0,
    missingPrivileges: [...instance.missingPrivileges],
  }
}

/** A database, or a cluster's globals, with the state of the promise made for it. */
export async function databaseToWire(
  {
    database,
    state,
  }: { readonly database: DatabaseRecord; readonly state?: DatabaseStateRecord | undefined },
  read: ReadModel,
): Promise<WireDatabase> {
  const cluster = await read.cluster(database.clusterId)
  const { items: instances } = await read.instances({ size: 1 }, { clusterId: database.clusterId })
  return {
    databaseId: database.id,
    clusterId: database.clusterId,
    clusterName: cluster?.name ?? '',
    scope: database.scope,
    name: database.name,
    engine: cluster?.engine ?? '',
    sizeBytes: database.sizeBytes,
    policy: state?.policyName ?? '',
    // told of one that is asked for
    policyRefused: '',
    protection: state?.protection ?? 'unprotected',
    reason: state?.reason ?? '',
    reasonDetail: state?.reasonDetail ?? '',
    rpoMs: state?.rpoMs ?? 0,
    lastBackupDataAsOf: state?.lastDataAsOf ?? 0,
    lastBackupId: state?.lastBackupId ?? '',
    nextDueAt: state?.nextDueAt ?? 0,
    openJobId: state?.openJobId ?? '',
    goneSince: database.goneSince ?? 0,
    firstSeenAt: database.firstSeenAt,
    instanceId: instances[0]?.id ?? '',
    service: instances[0]?.service ?? cluster?.name ?? '',
    evidence: database.evidence.map(({ kind, value }) => ({ kind, value })),
    backups: state?.backups ?? 0,
    recentRawBytes: [...(state?.recentRawBytes ?? [])],
    recentStoredBytes: [...(state?.recentStoredBytes ?? [])],
    recentDurationMs: [...(state?.recentDurations ?? [])],
    verification: state?.verification && proofToWire(state.verification),
  }
}

/** How the proof of a database's backups stands. */
function proofToWire({
  last,
  good,
  bad,
  failing,
  gap,
  wantedSince,
}: VerificationState): NonNullable<WireDatabase['verification']> {
  return {
    lastAt: last?.at ?? 0,
    lastVerdict: last?.verdict ?? '',
    lastBackupId: last?.backupId ?? '',
    goodAt: good?.at ?? 0,
    goodBackupId: good?.backupId ?? '',
    restoreMs: good?.restoreMs ?? 0,
    badSince: bad?.since ?? 0,
    badBackupId: bad?.backupId ?? '',
    badDetail: bad?.detail ?? '',
    failingSince: failing?.since ?? 0,
    failure: failing && failureToWire(failing.failure),
    gap: gap?.reason ?? '',
    gapDetail: gap?.detail ?? '',
    wanted: wantedSince !== undefined,
  }
}
