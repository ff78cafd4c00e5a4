// Writes one frame of every kind as today's code encodes it: `node write-frames.ts <new file>`. A new kind of
// frame gets a file of its own; what is committed is never written again (README.md).
import { writeFileSync } from 'node:fs'
import { ConnectRequest, ConnectResponse } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'

const attempt = {
  jobId: 'job_01a20000-0000-7000-8000-000000000001',
  attemptId: 'att_01a20000-0000-7000-8000-000000000002',
  epoch: 3,
}
const failure = {
  code: 'stage.failed',
  message: 'pg_dump ended with status 1',
  hint: 'Look at its last words.',
  context: [{ name: 'stage', value: 'pg_dump' }],
  problems: [{ field: 'a', problem: 'is b', expected: 'c' }],
}
const instance = {
  instanceId: 'ins_01a20000-0000-7000-8000-000000000004',
  engine: 'postgres',
  service: 'orders-db',
  address: '10.0.0.7',
  port: 5432,
  meta: [{ name: 'team', value: 'päyments' }],
}
const destination = {
  name: 'main',
  url: 's3://backups/prod',
  endpoint: 'https://s3.example',
  region: 'eu-central-1',
  profile: 'ceph',
}
/** Beyond 2^32, below 2^53. */
const bytes = 9_007_199_254_740_000
const at = 1_790_000_000_123
const evidence = [{ kind: 'postgres-system-identifier', value: '7711065968398214278' }]

/** Frames of the agent, in the JSON form of the contract; no field has its default. */
const requests: readonly object[] = [
  {
    hello: {
      agentId: 'agt_01a20000-0000-7000-8000-000000000009',
      instanceId: '0d8a2c5e-2b0e-4f0e-8a55-0a1c5b6d7e8f',
      bootId: 'b',
      version: '0.1.0',
      protocolVersion: 1,
      features: ['restore', 'keeper'],
      host: {
        hostname: 'host7',
        nodeId: 'n7',
        nodeName: 'node7',
        addresses: ['10.0.0.7', '::1'],
        cores: 16,
        memoryBytes: bytes,
        os: 'linux',
        tools: [{ name: 'zstd', version: 'v1.5.4', path: '/usr/bin/zstd' }],
      },
      running: [attempt],
      unacknowledged: [{ ...attempt, epoch: bytes }],
      sentAt: at,
      lastIncarnation: 'inc_1',
      pool: true,
      keeper: true,
    },
  },
  {
    heartbeat: {
      running: [attempt],
      sentAt: at,
      load1: 0.25,
      memoryAvailableBytes: bytes,
      spooledResults: 2,
    },
  },
  {
    inventory: {
      instanceId: instance.instanceId,
      generation: 7,
      chunk: 1,
      last: true,
      facts: {
        serverVersion: '15.18',
        role: 'replica',
        replicationLagMs: 1_500,
        evidence,
        clockOffsetMs: -12,
        missingPrivileges: ['SELECT on x'],
        hasGlobals: true,
      },
      databases: [{ name: 'orders "2026"/é', sizeBytes: bytes, connectable: true, evidence }],
      failure,
    },
  },
  { accepted: { attempt } },
  { declined: { attempt, failure } },
  {
    progress: {
      attempt,
      report: { stage: '000-full', rawBytes: bytes, storedBytes: bytes, predictedRawBytes: bytes },
    },
  },
  { uploadOpened: { attempt, key: 'k', uploadId: 'u', attemptPrefix: 'p/', destination: 'main' } },
  { uploadClosed: { attempt, key: 'k', uploadId: 'u', how: 'aborted' } },
  { grantRequest: { attempt, grantId: 'g', action: 'delete', keys: ['a', 'b'] } },
  {
    result: {
      resultId: 'res_01a20000-0000-7000-8000-000000000001',
      attempt,
      kind: 'JOB_KIND_BACKUP',
      outcome: 'succeeded',
      failure,
      manifest: Buffer.from('{"format":"holdfast.backup"}\n').toString('base64'),
      manifestKey: 'v1/manifests/2026/11/22/x.json',
      destination: 'main',
      startedAt: at,
      endedAt: at + 1,
      rawBytes: bytes,
      storedBytes: bytes,
      debris: ['a'],
      attemptPrefix: 'p/',
      peakRssBytes: bytes,
    },
  },
  { goodbye: { reason: 'stopped' } },
  {
    anchorReply: { taskId: 't', failure, keys: ['v1/anchors/flt_1/inc_1/000000000007-ab.json'], last: true },
  },
]

/** Frames of the coordinator. */
const responses: readonly object[] = [
  {
    welcome: {
      fleetId: 'flt_1',
      coordinatorVersion: '0.1.0',
      protocolVersion: 1,
      features: ['restore'],
      incarnation: 'inc_1',
      heartbeatIntervalMs: 10_000,
      leaseTtlMs: 120_000,
      acceptTimeoutMs: 30_000,
      startTimeoutMs: 30_000,
      inventoryIntervalMs: 600_000,
      receivedAt: at,
    },
  },
  { refused: { failure, retryAfterMs: 60_000 } },
  {
    assign: {
      attempt,
      kind: 'JOB_KIND_BACKUP',
      backup: {
        instance,
        clusterId: 'cls_1',
        clusterName: 'orders',
        scope: 'database',
        databaseId: 'dbs_1',
        databaseName: 'orders "2026"/é',
        destination,
        codec: 'zstd',
        codecLevel: 3,
        policyName: 'gold',
        policyVersion: '1',
        backupClass: 'daily',
        backupId: 'bak_1',
        predictedRawBytes: bytes,
      },
    },
  },
  {
    assign: {
      attempt,
      kind: 'JOB_KIND_RESTORE',
      restore: {
        instance,
        source: destination,
        manifestKey: 'v1/manifests/2026/11/22/x.json',
        manifestSha256: 'a'.repeat(64),
        into: 'orders_copy',
        backupId: 'bak_1',
      },
    },
  },
  {
    assign: {
      attempt,
      kind: 'JOB_KIND_DELETE',
      delete: { destination, keys: ['a'], attemptPrefixes: ['p/'] },
    },
  },
  { start: { attempt } },
  { cancel: { attempt, reason: 'CANCEL_REASON_SUPERSEDED' } },
  { grant: { attempt, grantId: 'g', granted: true, reason: 'held' } },
  { ack: { resultId: 'res_1', disposition: 'ACK_DISPOSITION_SURPLUS', reason: 'late' } },
  { drain: { drain: true, reason: 'upgrade' } },
  { watch: { generation: 4, instances: [instance] } },
  { rate: { attempt, maxRate: 50_000_000 } },
  { anchorTask: { taskId: 't', destination, write: { key: 'v1/anchors/k', content: 'aGVhZA==' } } },
]

const frames = [
  ...requests.map(each => {
    const says = { seq: 42, ...each }
    const encoded = ConnectRequest.encode(ConnectRequest.fromJSON(says)).finish()
    return { message: 'ConnectRequest', says, base64: Buffer.from(encoded).toString('base64') }
  }),
  ...responses.map(each => {
    const says = { term: 5, ...each }
    const encoded = ConnectResponse.encode(ConnectResponse.fromJSON(says)).finish()
    return { message: 'ConnectResponse', says, base64: Buffer.from(encoded).toString('base64') }
  }),
]
writeFileSync(process.argv[2] ?? '', `${JSON.stringify(frames, undefined, 1)}\n`, { flag: 'wx' })
