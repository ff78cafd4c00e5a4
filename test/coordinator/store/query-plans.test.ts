import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { tokenOf } from '../../../coordinator/store/page-token.ts'
import { backupOrders, trendOrders } from '../../../coordinator/store/records.ts'
import { newId } from '../../../shared/clock/index.ts'
import { freshStore } from './fresh-store.ts'

/** Lists, filters and the leader's loads: each must be an index away, or it stops every heartbeat (facts-runtime B3). */
test('no read of the port scans a table that grows or sorts on the way', async () => {
  const seen: string[] = []
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (sql: string) {
    seen.push(sql)
    return prepare.call(this, sql)
  }
  try {
    await using fresh = await freshStore()
    const { read } = fresh.store
    seen.length = 0
    const page = { size: 10 }
    const [databaseId, clusterId, agentId] = [newId('database'), newId('cluster'), newId('agent')]
    for (const filter of [
      {},
      { open: true },
      { state: 'failed' },
      { kind: 'backup' as const },
      { databaseId },
      { clusterId },
      { since: 1, until: 5, oldestFirst: true },
      { state: 'failed', since: 1 },
      { databaseId, until: 5, oldestFirst: true },
      { databaseIds: [databaseId, newId('database')] },
      { clusterIds: [clusterId, newId('cluster')], since: 1 },
    ])
      await read.jobs(page, filter)
    await read.openJobs()
    await read.attempts(newId('job'))
    await read.decisions(newId('job'))
    await read.agents(page)
    await read.clusters(page)
    for (const filter of [{}, { gone: false }, { clusterId }, { agentId }]) await read.instances(page, filter)
    for (const filter of [{}, { name: 'a' }, { clusterId }, { protection: 'due' }, { gone: false }])
      await read.databases(page, filter)
    for (const stretch of [{}, { since: 1, until: 5 }, { oldestFirst: true }])
      for (const filter of [{}, { databaseId }, { clusterId }])
        await read.backups(page, { ...filter, ...stretch })
    for (const order of backupOrders)
      for (const filter of [{}, { clusterId }, { clusterIds: [clusterId, newId('cluster')], since: 1 }])
        await read.backups(
          { size: 10, after: tokenOf(`backups-by-${order}`, [5, 'x']) },
          { ...filter, order },
        )
    for (const how of ['expired', 'deleting'] as const) await read.leavingBackups(page, how)
    await read.leavingCounts()
    await read.deletedBackup(newId('backup'))
    for (const filter of [{}, { databaseId }]) await read.deletedBackups(page, filter)
    await read.lastBrakeRelease()
    for (const filter of [{}, { state: 'open' as const }, { since: 1, until: 5, oldestFirst: true }])
      await read.alerts(page, filter)
    await read.tokens(page)
    await read.liveTokens(1)
    for (const filter of [{}, { state: 'pending' as const }]) await read.approvals(page, filter)
    await read.openAlerts()
    await read.outboxDue(1, 10)
    await read.outboxCounts()
    await read.outboxOf(newId('alert'))
    for (const filter of [
      {},
      { actor: 'a' },
      { action: 'a' },
      { subject: 'a' },
      { since: 1, until: 5, oldestFirst: true },
    ])
      await read.audit(page, filter)
    await read.auditFrom(5, 10)
    await read.copiesMissingSince(page, 1)
    await read.aggregates(1)
    await read.databases(page, { protection: 'breached', gone: false })
    for (const order of trendOrders)
      await read.trends({ size: 10, after: tokenOf(`trends-${order}`, [5, databaseId]) }, order)
    await read.destinationDays()
    await read.databaseHistory(databaseId)
    await read.databasesIn([clusterId, newId('cluster')])
    await read.instancesOf([agentId, newId('agent')])
    await fresh.store.write('x', async ({ backups }) => {
      await backups.newestOf(databaseId, 10)
      await backups.buriedByAttempt(newId('attempt'))
    })
    await fresh.store.write('x', async ({ prune }) => {
      const old = { before: 1, limit: 10 }
      await prune.requests(old)
      await prune.results(old)
      await prune.outbox(old)
      await prune.decisions(old)
    })
    const statements = [...new Set(seen)].filter(sql => /^(select|delete)/.test(sql))
    expect(statements.length).toBeGreaterThan(30)

    using db = new DatabaseSync(fresh.path, { timeout: 5_000 })
    const bad: string[] = []
    for (const sql of statements) {
      const marks = sql.split('?').length - 1
      const plan = prepare
        .call(db, `explain query plan ${sql}`)
        .all(...Array.from({ length: marks }, () => 1))
      for (const { detail } of plan as { detail: string }[]) {
        // The counters are few; the audit is walked by its key, up to the limit
        const scans =
          /^SCAN (?!.*USING (COVERING )?INDEX)/.test(detail) && !/^SCAN (counters|audit)$/.test(detail)
        // counting must not fetch the rows: a page of clusters may have a million
        const fetches = /count\(\*\)|sum\(/.test(sql) && /(SEARCH|SCAN) .* USING INDEX/.test(detail)
        if (scans || fetches || detail.includes('TEMP B-TREE')) bad.push(`${detail}: ${sql}`)
      }
    }
    expect(bad).toEqual([])
  } finally {
    DatabaseSync.prototype.prepare = prepare
  }
})
