import type {
  GetDatabaseRequest,
  GetDatabaseResponse,
  ListDatabasesRequest,
  ListDatabasesResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { CallContext } from '../handle.ts'
import { backupToWire } from './backup-to-wire.ts'
import type { OperatorDeps } from './deps.ts'
import { databaseOrders, databasePage } from './fleet-lists.ts'
import { databaseToWire } from './fleet-to-wire.ts'
import { jobToWire } from './job-to-wire.ts'
import { Names } from './naming.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'
import { resolveDatabase } from './resolve.ts'
import { fleetOf, narrowingOf } from './selected.ts'
import { trendToWire } from './trend-to-wire.ts'

const protections = ['protected', 'due', 'at-risk', 'breached', 'unprotected'] as const

/** ListDatabases: databases and clusters' globals, each with the state of its promise; by name or in another order. */
export function listDatabases({ store, operations }: OperatorDeps) {
  return async (request: ListDatabasesRequest, { scope }: CallContext): Promise<ListDatabasesResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['protection', 'name', 'gone', 'selector', 'order'])
    const protection = oneOf(filter, 'protection', protections)
    const gone = oneOf(filter, 'gone', ['true', 'false'])
    const name = filter.get('name')
    const order = oneOf(filter, 'order', databaseOrders)
    const narrowing = narrowingOf(filter, scope, operations)
    const { items, next } =
      narrowing === undefined && (order ?? 'name') === 'name'
        ? await store.read.databases(page, {
            ...(protection === undefined ? {} : { protection }),
            ...(gone === undefined ? {} : { gone: gone === 'true' }),
            ...(name === undefined ? {} : { name }),
          })
        : databasePage(
            narrowing?.fleet ?? fleetOf(operations),
            page,
            order ?? 'name',
            ({ record, state }) =>
              (protection === undefined || state?.protection === protection) &&
              (gone === undefined || (record.goneSince !== undefined) === (gone === 'true')) &&
              (name === undefined || record.name === name) &&
              narrowing?.selection.database(record) !== false,
          )
    return {
      databases: await Promise.all(items.map(row => databaseToWire(row, store.read))),
      nextPageToken: next ?? '',
    }
  }
}

/** GetDatabase, with its last backups and jobs. */
export function getDatabase({ store, operations }: OperatorDeps) {
  return async (request: GetDatabaseRequest, { scope }: CallContext): Promise<GetDatabaseResponse> => {
    const { read } = store
    const database = await resolveDatabase(read, scope, request.database)
    const names = new Names(read)
    const ofIt =
      database.scope === 'database' ? { databaseId: database.id } : { clusterId: database.clusterId }
    const [state, history, backups, jobs] = await Promise.all([
      read.databaseState(database.id),
      read.databaseHistory(database.id),
      read.backups({ size: 50 }, ofIt),
      read.jobs({ size: 50 }, ofIt),
    ])
    const sameScope = <T extends { scope: string }>(items: readonly T[]) =>
      items.filter(item => item.scope === database.scope).slice(0, 5)
    return {
      database: {
        ...(await databaseToWire({ database, state }, read)),
        policyRefused: operations.refusedWish(database) ?? '',
      },
      trend: await trendToWire({ database, state, history }, read),
      recentBackups: await Promise.all(
        sameScope(backups.items).map(backup =>
          backupToWire(backup, names, { grace: operations.retentionGrace() }),
        ),
      ),
      recentJobs: await Promise.all(
        jobs.items
          .filter(job => job.subject.scope === database.scope)
          .slice(0, 5)
          .map(job => jobToWire({ job, progress: operations.progressOf(job.id) }, names, read)),
      ),
    }
  }
}
