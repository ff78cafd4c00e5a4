import type { Metrics } from '../../shared/metrics/index.ts'
import type { Meter } from '../operations/meter.ts'
import type { LinkCounts } from '../rpc/agent-link/link.ts'
import type { StoreMetrics } from '../store/index.ts'

/** What the coordinator counts as it happens, since this process began. */
export interface Counts {
  readonly link: LinkCounts
  readonly store: StoreMetrics
  readonly work: Meter
  readonly delivery: {
    delivered(channel: string): void
    failed(channel: string): void
    dead(channel: string): void
  }
  /** A refusal at the door. */
  securityRefused(): void
}

const commitBuckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
/** From a second to a day: a giant's dump is not an outlier. */
const workBuckets = [1, 5, 15, 60, 300, 900, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400]

/** Declares the counters and histograms. Labels are closed sets, never a database (ADR 9). */
export function declareCounts(registry: Metrics): Counts {
  return {
    link: declareLink(registry),
    store: declareStore(registry),
    work: declareWork(registry),
    delivery: declareDelivery(registry),
    securityRefused: declareRefusals(registry),
  }
}

function declareLink(registry: Metrics): LinkCounts {
  const refused = registry.counter({
    name: 'link_refused_total',
    help: 'Frames and Hellos of agents that were not taken.',
    labels: ['reason'],
  })
  const unknown = registry.counter({
    name: 'link_unknown_frames_total',
    help: 'Frames of a newer agent, ignored.',
  })
  return { refused: reason => refused.inc({ reason }), unknownFrame: () => unknown.inc() }
}

function declareStore(registry: Metrics): StoreMetrics {
  const batch = registry.histogram({
    name: 'store_batch_seconds',
    help: 'From the begin of a transaction to its commit.',
    labels: ['outcome'],
    buckets: commitBuckets,
  })
  const steps = registry.counter({
    name: 'store_steps_total',
    help: 'Steps written to the store.',
    labels: ['outcome'],
  })
  return {
    batch: (_count, durationMs, outcome) => batch.observe(durationMs / 1_000, { outcome }),
    step: (_label, _durationMs, outcome) => steps.inc({ outcome }),
  }
}

function declareWork(registry: Metrics): Meter {
  const ended = registry.counter({
    name: 'jobs_ended_total',
    help: 'Jobs that ended, by kind and outcome.',
    labels: ['kind', 'outcome'],
  })
  const jobSeconds = registry.histogram({
    name: 'job_seconds',
    help: 'From the creation of a job to its end, waiting and retries included.',
    labels: ['kind', 'outcome'],
    buckets: workBuckets,
  })
  const backups = registry.counter({
    name: 'backups_recorded_total',
    help: 'Good backups recorded; surplus ones came from an attempt that had been given up.',
    labels: ['engine', 'surplus'],
  })
  const raw = registry.counter({
    name: 'backup_raw_bytes_total',
    help: 'Bytes of recorded backups as the dump tools wrote them.',
    labels: ['engine'],
  })
  const stored = registry.counter({
    name: 'backup_stored_bytes_total',
    help: 'Bytes of recorded backups as they lie in the bucket, one copy.',
    labels: ['engine'],
  })
  const deleted = registry.counter({
    name: 'backups_deleted_total',
    help: 'Backups that are gone everywhere, by what let them go.',
    labels: ['by'],
  })
  const freed = registry.counter({
    name: 'backup_freed_bytes_total',
    help: 'Bytes of deleted backups that keepers removed, every copy.',
  })
  const braked = registry.counter({
    name: 'retention_refused_total',
    help: 'Backups that a look of retention would have deleted and the brake kept, each look anew.',
  })
  const backupSeconds = registry.histogram({
    name: 'backup_seconds',
    help: 'From the begin of the attempt that succeeded to its commit.',
    labels: ['engine'],
    buckets: workBuckets,
  })
  const verifications = registry.counter({
    name: 'verifications_total',
    help: 'Backups restored into a throw-away server to be looked at, by what that showed.',
    labels: ['engine', 'verdict'],
  })
  const restoreSeconds = registry.histogram({
    name: 'verification_restore_seconds',
    help: 'How long such a restore took, from the first byte to the last index: the measured RTO.',
    labels: ['engine'],
    buckets: workBuckets,
  })
  return {
    verified: (engine, verdict, restoreMs) => {
      verifications.inc({ engine, verdict })
      if (verdict === 'verified' || verdict === 'restored')
        restoreSeconds.observe(restoreMs / 1_000, { engine })
    },
    jobEnded: ({ kind, state }, seconds) => {
      ended.inc({ kind, outcome: state.kind })
      jobSeconds.observe(seconds, { kind, outcome: state.kind })
    },
    backupRecorded: ({ engine, surplus, rawBytes, storedBytes, startedAt, committedAt }) => {
      backups.inc({ engine, surplus: String(surplus) })
      raw.inc({ engine }, rawBytes)
      stored.inc({ engine }, storedBytes)
      backupSeconds.observe(Math.max(0, committedAt - startedAt) / 1_000, { engine })
    },
    backupDeleted: by => deleted.inc({ by }),
    bytesFreed: bytes => freed.inc({}, bytes),
    heldByBrake: count => braked.inc({}, count),
  }
}

function declareDelivery(registry: Metrics): Counts['delivery'] {
  const deliveries = registry.counter({
    name: 'alert_deliveries_total',
    help: 'Alert messages by channel and outcome.',
    labels: ['channel', 'outcome'],
  })
  return {
    delivered: channel => deliveries.inc({ channel, outcome: 'delivered' }),
    failed: channel => deliveries.inc({ channel, outcome: 'failed' }),
    dead: channel => deliveries.inc({ channel, outcome: 'dead' }),
  }
}

function declareRefusals(registry: Metrics): () => void {
  const security = registry.counter({
    name: 'security_refused_total',
    help: 'Calls, Hellos and frames refused at the door, each an audit event.',
  })
  return () => security.inc()
}
