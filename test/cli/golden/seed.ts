import { createHash } from 'node:crypto'
import type { Attempt, Job } from '../../../coordinator/jobs/job.ts'
import type { Store } from '../../../coordinator/store/port.ts'
import type { BackupRecord, DatabaseStateRecord } from '../../../coordinator/store/records.ts'
import { outgrowsAt, type Sample, trendOf } from '../../../coordinator/trends/index.ts'
import type { Failure } from '../../../shared/errors/index.ts'
import { type IdKind, type IdOf, idFrom } from '../../../shared/model/identifiers.ts'
import * as records from '../../conformance/store-records.ts'
import { now } from '../holdfast.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** The n-th identifier of a kind: the same in every run. */
export function id<K extends IdKind>(kind: K, n: number): IdOf<K> {
  return idFrom(kind, `01890a5d-ac96-7000-8000-${String(n).padStart(12, '0')}`)
}

/** What the catalog holds of each backup here. */
const manifest = new TextEncoder().encode('{}')

/** The longest name a database can have, and one whose characters are two columns wide. */
export const longName = `customer-orders-archive-${'0123456789'.repeat(3)}-partition`
export const wideName = '売上データベース'

const longHost = 'postgres-primary-07.ams.eu-west.example.net'
const since = { firstSeenAt: now - 90 * day, lastSeenAt: now - 12_000 }

const failure: Failure = {
  code: 'object-store.throttled',
  message: 'the store asks to be asked less often',
  context: { bucket: 'backups-eu-west', status: 503 },
  hint: 'No action needed; the upload slows down and continues.',
  problems: [],
} as unknown as Failure

/** Backups a day apart, the last one so long ago, each larger and longer than the one before. */
const daily = (count: number, ago: number, bytes: number, grows: number, takes: number, longer: number) =>
  Array.from({ length: count }, (_, i) => ({
    at: now - ago - (count - 1 - i) * day,
    rawBytes: bytes - (count - 1 - i) * grows,
    storedBytes: Math.round((bytes - (count - 1 - i) * grows) / 4),
    durationMs: takes - (count - 1 - i) * longer,
  }))

/** Grows steadily, is about to outgrow its window, is too young to tell. */
const histories: ReadonlyMap<string, readonly Sample[]> = new Map([
  [id('database', 1), daily(28, 5 * hour, 212 * 2 ** 30, 2 ** 30, 71 * minute, 20_000)],
  [id('database', 3), daily(28, 31 * hour, 5 * 2 ** 40, -9 * 2 ** 30, 3 * hour, 100_000)],
  [id('database', 4), daily(1, 25 * hour, 900 * 2 ** 20, 0, 4 * minute, 0)],
])

/** A fleet with something of everything that a listing shows, always the same, around the moment `now`. */
export async function seed(store: Store): Promise<void> {
  await store.write('seed', async tx => {
    const clusters = [
      { id: id('cluster', 1), name: 'orders-db@db-host-7', engine: 'postgres' as const },
      { id: id('cluster', 2), name: `shop-${longName}@${longHost}`, engine: 'mariadb' as const },
      { id: id('cluster', 3), name: `${wideName}@db-host-9`, engine: 'mysql' as const },
    ]
    for (const each of clusters)
      await tx.clusters.put(
        records.cluster({
          ...each,
          evidence: [
            { kind: `${each.engine}-identity`, value: `7400000000000000${each.id.slice(-3)}`, ...since },
          ],
          firstSeenAt: since.firstSeenAt,
        }),
      )

    const tokens = [
      { n: 1, name: 'alice', role: 'admin' as const, createdAt: now - 30 * day, expiresAt: now + 60 * day },
      { n: 2, name: 'team-a', role: 'restorer' as const, createdAt: now - day, expiresAt: now + 29 * day },
      {
        n: 3,
        name: 'night-shift@db-operations',
        role: 'operator' as const,
        createdAt: now - 90 * day,
        expiresAt: now - day,
      },
    ]
    for (const { n, ...each } of tokens)
      await tx.tokens.put({
        ...{ id: id('token', n), hash: `hash-${n}`, reason: '', by: 'operator:alice', ...each },
        ...(n === 2 ? { selector: { service: ['orders-*'], tag: ['team-a'] } } : {}),
      })
    const approvals = [
      { n: 1, act: 'restore', summary: `restore ${id('backup', 1)} of orders-db/orders into orders_copy` },
      { n: 2, act: 'revoke-admin', summary: `revoke ${id('token', 1)}, an admin's token of alice` },
    ]
    for (const { n, ...each } of approvals)
      await tx.approvals.put({
        ...{ id: id('approval', n), question: '{}', reason: 'CHG-92', askedBy: 'team-a', ...each },
        ...{ askedAt: now - n * hour, expiresAt: now + n * hour, state: 'pending' as const },
      })

    const agents = [
      { id: id('agent', 1), hostname: 'db-host-7', keeper: true, pool: false },
      { id: id('agent', 2), hostname: longHost, keeper: false, pool: false, draining: true },
      { id: id('agent', 3), hostname: 'db-host-9', keeper: false, pool: true },
    ]
    for (const each of agents)
      await tx.agents.put(
        records.agent({ ...each, instanceUuid: `uuid-${each.id}`, nodeName: each.hostname, ...since }),
      )

    const instances = [
      {
        service: 'orders-db',
        engine: 'postgres' as const,
        host: 'db-host-7',
        port: 5432,
        role: 'primary' as const,
      },
      {
        service: `shop-${longName}`,
        engine: 'mariadb' as const,
        host: longHost,
        port: 3306,
        role: 'replica' as const,
      },
      {
        service: wideName,
        engine: 'mysql' as const,
        host: 'db-host-9',
        port: 33_060,
        role: 'primary' as const,
      },
    ]
    for (const [at, { host, ...each }] of instances.entries())
      await tx.instances.put(
        records.instance({
          ...each,
          id: id('instance', at + 1),
          clusterId: id('cluster', at + 1),
          discoveryKey: `ams/default/${host}/${at}`,
          datacenter: at === 2 ? 'fra' : 'ams',
          nodeName: host,
          address: host,
          agentId: id('agent', at + 1),
          serverVersion: ['15.4', '10.11.6', '8.4.3'][at] ?? '',
          inventoriedAt: now - 4 * minute,
          missingPrivileges: at === 1 ? ['EVENT', 'TRIGGER', 'SHOW VIEW'] : [],
          ...(at === 2
            ? { gap: { code: 'inventory-failed', detail: 'login refused', since: now - 3 * hour } }
            : {}),
          ...since,
        }),
      )

    const databases = [
      { n: 1, cluster: 1, name: 'orders', sizeBytes: 212 * 2 ** 30 },
      { n: 2, cluster: 1, name: '', scope: 'cluster' as const, sizeBytes: 0 },
      { n: 3, cluster: 2, name: longName, sizeBytes: 5 * 2 ** 40 },
      { n: 4, cluster: 3, name: wideName, sizeBytes: 900 * 2 ** 20 },
      { n: 5, cluster: 3, name: 'scratch', sizeBytes: 4096 },
    ]
    for (const { n, cluster, ...each } of databases)
      await tx.databases.put(
        records.database({ ...each, id: id('database', n), clusterId: id('cluster', cluster), ...since }),
      )

    const kept = { policyName: 'everything', rpoMs: 26 * hour, clockFrom: since.firstSeenAt }
    const states: readonly DatabaseStateRecord[] = [
      records.state({
        ...kept,
        databaseId: id('database', 1),
        protection: 'protected',
        reason: '',
        reasonDetail: '',
        backups: 12,
        lastBackupId: id('backup', 1),
        lastDataAsOf: now - 5 * hour,
        nextDueAt: now + 19 * hour,
        recentRawBytes: [180, 182, 185, 189, 190, 194, 199, 204, 207, 212].map(gib => gib * 2 ** 30),
        recentStoredBytes: [45, 45, 46, 47, 47, 48, 49, 51, 51, 53].map(gib => gib * 2 ** 30),
        recentDurations: [61, 60, 63, 64, 62, 66, 67, 69, 70, 71].map(minutes => minutes * minute),
        verification: {
          wantedSince: since.firstSeenAt,
          last: { at: now - 3 * hour, verdict: 'verified', backupId: id('backup', 1) },
          good: {
            ...{ at: now - 3 * hour, verdict: 'verified', backupId: id('backup', 1) },
            ...{ dataAsOf: now - 5 * hour, restoreMs: 94 * minute },
          },
        },
      }),
      records.state({
        ...kept,
        databaseId: id('database', 2),
        protection: 'protected',
        reason: '',
        reasonDetail: '',
        backups: 12,
        lastBackupId: id('backup', 2),
        lastDataAsOf: now - 5 * hour,
        nextDueAt: now + 19 * hour,
      }),
      records.state({
        ...kept,
        databaseId: id('database', 3),
        protection: 'breached',
        reason: 'overdue',
        reasonDetail: 'the last good backup is 31h old; promised are 26h',
        backups: 3,
        lastBackupId: id('backup', 3),
        lastDataAsOf: now - 31 * hour,
        nextDueAt: now - 7 * hour,
        openJobId: id('job', 2),
        since: now - 5 * hour,
      }),
      records.state({
        ...kept,
        databaseId: id('database', 4),
        protection: 'due',
        reason: 'due',
        reasonDetail: '',
        backups: 1,
        lastBackupId: id('backup', 4),
        lastDataAsOf: now - 25 * hour,
        nextDueAt: now - hour,
      }),
      records.state({
        databaseId: id('database', 5),
        protection: 'unprotected',
        reason: 'no-policy',
        reasonDetail: 'no policy matches it',
        since: since.firstSeenAt,
      }),
    ]
    for (const each of states) await tx.databases.putState({ ...each, ...(await trendOfSeed(each)) })
    async function trendOfSeed({ databaseId }: DatabaseStateRecord) {
      const samples = histories.get(databaseId)
      const last = samples?.at(-1)
      if (samples === undefined || last === undefined) return {}
      await tx.databases.putHistory({ databaseId, samples })
      const trend = trendOf(samples)
      if (trend === undefined) return {}
      const { rawBytes: lastRawBytes, storedBytes: lastStoredBytes, durationMs: lastDurationMs } = last
      const outgrown = outgrowsAt(trend, 4 * hour)
      return {
        ...{ trend, lastRawBytes, lastStoredBytes, lastDurationMs, allowedMs: 4 * hour },
        ...(outgrown === undefined ? {} : { outgrowsAt: outgrown }),
      }
    }

    const of = (n: number) => ({
      scope: 'database' as const,
      clusterId: id('cluster', n < 3 ? 1 : n === 3 ? 2 : 3),
      databaseId: id('database', n),
    })
    const attempt = (n: number, assignedAt: number): Attempt => ({
      id: id('attempt', n),
      epoch: 1,
      agentId: id('agent', Math.min(n, 3)),
      assignedAt,
      startedAt: assignedAt + 800,
    })
    const jobs: readonly Partial<Job>[] = [
      {
        id: id('job', 1),
        subject: of(1),
        createdAt: now - 6 * hour,
        state: {
          kind: 'succeeded',
          endedAt: now - 5 * hour + 71 * minute,
          attempt: attempt(1, now - 5 * hour),
          backupId: id('backup', 1),
        },
      },
      {
        id: id('job', 2),
        subject: of(3),
        createdAt: now - 7 * hour,
        state: { kind: 'running', attempt: attempt(2, now - 40 * minute), lease: { ttl: 120_000 } },
      },
      {
        id: id('job', 3),
        subject: of(4),
        createdAt: now - 20 * minute,
        origin: 'operator',
        requestedBy: { kind: 'operator', name: 'alice@example.net' },
        reason: 'before the migration of the week, CHG-4711',
        state: { kind: 'queued', notBefore: now + 5 * minute },
      },
      {
        id: id('job', 4),
        subject: of(4),
        createdAt: now - 3 * hour,
        state: { kind: 'failed', endedAt: now - 2 * hour, failure, attempt: attempt(3, now - 3 * hour) },
      },
      {
        id: id('job', 5),
        kind: 'restore',
        subject: of(1),
        createdAt: now - 50 * minute,
        origin: 'operator',
        requestedBy: { kind: 'operator', name: 'bob@example.net' },
        reason: 'rehearsal',
        order: {
          kind: 'restore',
          backupId: id('backup', 1),
          instanceId: id('instance', 1),
          destination: 'main',
          manifestKey: 'v1/manifests/2027/01/15/x.json',
          manifestSha256: 'ab'.repeat(32),
          into: 'orders_copy',
        },
        state: {
          kind: 'cancelled',
          endedAt: now - 45 * minute,
          by: { kind: 'operator', name: 'bob@example.net' },
          reason: 'wrong backup',
        },
      },
    ]
    for (const each of jobs) {
      const job = records.job({ dueAt: each.createdAt ?? now, dueSlot: `slot-${each.id}`, ...each })
      const { state } = job
      const held = 'attempt' in state ? state.attempt : undefined
      await tx.jobs.insert({
        ...job,
        epoch: held === undefined ? 0 : 1,
        attempts: held === undefined ? 0 : 1,
      })
      if (held !== undefined)
        await tx.attempts.insert(
          records.attempt({
            ...held,
            jobId: job.id,
            ...('endedAt' in state ? { endedAt: state.endedAt, outcome: state.kind } : {}),
            ...('failure' in state ? { failure: state.failure } : {}),
          }),
        )
    }
    await tx.decisions.append([
      records.decision({
        jobId: id('job', 2),
        at: now - 7 * hour,
        kind: 'waits',
        subject: id('job', 2),
        code: 'outside-window',
        text: 'its window opens later',
        numbers: { opens_at: now - 41 * minute },
      }),
      records.decision({
        jobId: id('job', 2),
        at: now - 40 * minute,
        kind: 'placed',
        subject: longHost,
        code: 'placed',
        text: 'the only agent that can reach it, and it has a free slot',
        numbers: { slack_ms: 7_200_000, free_slots: 1 },
      }),
    ])

    const backups: readonly Partial<BackupRecord>[] = [
      {
        subjectName: 'orders-db/orders',
        rawBytes: 212 * 2 ** 30,
        storedBytes: 53 * 2 ** 30,
        verification: { at: now - 3 * hour, verdict: 'verified', restoreMs: 94 * minute, detail: '' },
      },
      {
        subjectName: 'orders-db/(globals)',
        scope: 'cluster',
        databaseIds: [],
        rawBytes: 8192,
        storedBytes: 2048,
      },
      {
        subjectName: `shop-${longName}/${longName}`,
        engine: 'mariadb',
        rawBytes: 5 * 2 ** 40,
        storedBytes: 2 ** 40,
      },
      {
        subjectName: `${wideName}/${wideName}`,
        engine: 'mysql',
        rawBytes: 900 * 2 ** 20,
        storedBytes: 90 * 2 ** 20,
      },
    ]
    for (const [at, each] of backups.entries()) {
      const n = at + 1
      const committedAt = now - ([5, 5, 31, 25][at] ?? 0) * hour + 71 * minute
      await tx.backups.insert(
        records.backup({
          id: id('backup', n),
          clusterId: id('cluster', n < 3 ? 1 : n - 1),
          databaseIds: [id('database', n)],
          jobId: id('job', n),
          attemptId: id('attempt', n + 10),
          agentId: id('agent', Math.min(n, 3)),
          dataAsOf: committedAt - 71 * minute,
          startedAt: committedAt - 71 * minute,
          committedAt,
          recordedAt: committedAt + 300,
          manifest,
          manifestSha256: createHash('sha256').update(manifest).digest('hex'),
          copies: [
            {
              destination: 'main',
              url: 's3://backups-eu-west/fleet',
              manifestKey: `v1/manifests/2027/01/15/${id('attempt', n + 10)}.json`,
              state: 'present',
              verifiedAt: committedAt,
            },
            ...(n === 3
              ? [
                  {
                    destination: 'far',
                    url: 's3://backups-us-east/fleet',
                    manifestKey: `v1/manifests/2027/01/15/${id('attempt', n + 10)}.json`,
                    state: 'failed' as const,
                    since: committedAt,
                    nextAt: now + hour,
                    failure,
                  },
                ]
              : []),
          ],
          ...each,
        }),
      )
    }

    for (const [n, verdict] of (['verified', 'differs'] as const).entries())
      await tx.verifications.append({
        id: id('attempt', 31 + n),
        jobId: id('job', 31 + n),
        backupId: id('backup', n === 0 ? 1 : 3),
        databaseId: id('database', n === 0 ? 1 : 3),
        clusterId: id('cluster', n === 0 ? 1 : 2),
        agentId: id('agent', 1),
        subjectName: n === 0 ? 'orders-db/orders' : `shop-${longName}/${longName}`,
        engine: n === 0 ? 'postgres' : 'mariadb',
        at: now - (3 + n) * hour,
        verdict,
        restoreMs: 94 * minute,
        totalMs: 101 * minute,
        serverVersion: n === 0 ? '15.18' : '10.11.19',
        tables: 812,
        rows: 1_204_118_033,
        rawBytes: 212 * 2 ** 30,
        differences: n === 0 ? [] : ['table shop.baskets has 9 rows; it had 10', 'table shop.old is missing'],
        differenceCount: n === 0 ? 0 : 2,
      })

    await tx.alerts.put(
      records.alert({
        id: id('alert', 1),
        dedupKey: `rpo/${id('database', 3)}`,
        summary: `shop-${longName}/${longName} has no good backup younger than 26h: the last one is 31h old`,
        facts: { database: longName, reason: 'overdue' },
        labels: { datacenter: ['ams'], engine: ['mariadb'], database: [longName] },
        openedAt: now - 5 * hour,
        lastSeenAt: now - minute,
        ack: { by: 'operator:alice@example.net', at: now - 4 * hour, reason: 'disk ordered, HW-4711' },
      }),
    )
    await tx.alerts.put(
      records.alert({
        id: id('alert', 2),
        dedupKey: `agent-silent/${id('agent', 3)}`,
        kind: 'agent-silent',
        severity: 'warning',
        summary: 'the agent on db-host-9 is silent',
        facts: { agent_id: id('agent', 3), host: 'db-host-9' },
        labels: { datacenter: ['fra'], host: ['db-host-9'] },
        openedAt: now - 30 * hour,
        state: 'resolved',
        resolvedAt: now - 29 * hour,
      }),
    )
    await tx.outbox.enqueue(
      records.message({
        alertId: id('alert', 1),
        dedupKey: `rpo/${id('database', 3)}`,
        channel: 'ops',
        createdAt: now - 5 * hour,
        nextAttemptAt: now + 3 * day,
      }),
    )
    await tx.silences.put({
      id: id('silence', 1),
      selector: { service: ['orders-db', 'shop-*'], kind: ['long-running'] },
      reason: 'index rebuild over the weekend, CHG-88',
      by: 'operator:alice@example.net',
      createdAt: now - hour,
      endsAt: now + 2 * day,
    })
    await tx.pauses.put({
      key: 'site:fra',
      scope: 'site',
      subject: 'fra',
      name: 'fra',
      reason: 'the storage moves to its new home, CHG-91',
      by: 'operator:alice@example.net',
      since: now - 2 * hour,
      until: now + 6 * hour,
    })
    for (const [n, action] of ['job.start', 'job.cancel', 'agent.drain'].entries())
      await tx.audit.append(
        records.entry({
          at: now - (3 - n) * hour,
          actor: 'operator:alice@example.net',
          action,
          subject: n === 2 ? id('agent', 2) : id('job', n + 3),
          reason: 'maintenance of the week, CHG-4711',
        }),
      )
  })
}
