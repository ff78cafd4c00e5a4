import type {
  Cluster,
  ClusterConflict,
  GetClusterRequest,
  GetClusterResponse,
  ListClustersRequest,
  ListClustersResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { clusterSelectorKeys } from '../../fleet/cluster-selector.ts'
import { type ConflictSide, conflictsIn, judgeConflict, sameIdentity } from '../../fleet/conflicts.ts'
import { type AccessScope, covers } from '../../operations/principal.ts'
import type { PageRequest, ReadModel } from '../../store/port.ts'
import type { ClusterRecord, InstanceRecord } from '../../store/records.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { clusterPage } from './fleet-lists.ts'
import { instanceToWire } from './fleet-to-wire.ts'
import { fullPage } from './full-page.ts'
import { Names } from './naming.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'
import { everyPage, resolveCluster } from './resolve.ts'
import { narrowingOf } from './selected.ts'

/** ListClusters: each with its evidence, and with whom it shares an identity. */
export function listClusters({ store, operations }: OperatorDeps) {
  return async (request: ListClustersRequest, { scope }: CallContext): Promise<ListClustersResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['conflict', 'selector'])
    const conflict = oneOf(filter, 'conflict', ['true', 'false'])
    const narrowing = narrowingOf(filter, scope, operations, clusterSelectorKeys)
    const shown = (each: ClusterRecord) =>
      narrowing?.selection.cluster(each.id) !== false &&
      (conflict === undefined || conflictsIn(each).length > 0 === (conflict === 'true'))
    const fleet = operations.fleet()
    const ask = (page: PageRequest) => store.read.clusters(page)
    const { items: wanted, next } =
      narrowing === undefined && conflict === undefined
        ? await ask(page)
        : fleet !== undefined
          ? clusterPage(fleet, page, shown)
          : await fullPage(page, ask, shown)
    const databases = await store.read.databasesIn(wanted.map(each => each.id))
    return {
      clusters: await Promise.all(
        wanted.map(async each =>
          clusterToWire(
            each,
            await instancesOf(store.read, each),
            databases.get(each.id) ?? 0,
            scope,
            store.read,
          ),
        ),
      ),
      nextPageToken: next ?? '',
    }
  }
}

/** GetCluster, by id, name or service, with its instances. */
export function getCluster({ store, operations }: OperatorDeps) {
  return async (request: GetClusterRequest, { scope }: CallContext): Promise<GetClusterResponse> => {
    const { read } = store
    const cluster = await resolveCluster(read, scope, request.cluster)
    const instances = await instancesOf(read, cluster)
    const databases = (await read.databasesIn([cluster.id])).get(cluster.id) ?? 0
    const names = new Names(read)
    return {
      cluster: {
        ...(await clusterToWire(cluster, instances, databases, scope, read)),
        policiesRefused: [...operations.refusedWishesOf(cluster.id)],
      },
      instances: await Promise.all(instances.map(each => instanceToWire(each, databases, read, names))),
    }
  }
}

async function clusterToWire(
  cluster: ClusterRecord,
  instances: readonly InstanceRecord[],
  databases: number,
  scope: AccessScope,
  read: ReadModel,
): Promise<Cluster> {
  return {
    clusterId: cluster.id,
    name: cluster.name,
    engine: cluster.engine,
    // who else shows the same identity is told by the conflicts, within the caller's scope
    evidence: cluster.evidence
      .filter(({ kind }) => kind !== sameIdentity)
      .map(({ kind, value, firstSeenAt, lastSeenAt }) => ({ kind, value, firstSeenAt, lastSeenAt })),
    conflicts: await conflictsOf(cluster, instances, scope, read),
    instances: instances.filter(each => each.goneSince === undefined).length,
    databases,
    firstSeenAt: cluster.firstSeenAt,
    goneSince: cluster.goneSince ?? 0,
    // told of one that is asked for
    policiesRefused: [],
  }
}

async function conflictsOf(
  cluster: ClusterRecord,
  instances: readonly InstanceRecord[],
  scope: AccessScope,
  read: ReadModel,
): Promise<ClusterConflict[]> {
  const mine: ConflictSide = { cluster, roles: rolesOf(instances) }
  const conflicts: ClusterConflict[] = []
  for (const found of conflictsIn(cluster)) {
    const other = await read.cluster(found.otherId)
    if (other === undefined) continue
    const judged = judgeConflict(mine, { cluster: other, roles: rolesOf(await instancesOf(read, other)) })
    // that there is one is never hidden; whose it is may be
    const seen = covers(scope, other.id)
    conflicts.push({
      clusterId: seen ? other.id : '',
      clusterName: seen ? other.name : '',
      kind: judged.kind,
      shared: judged.shared.map(({ kind, value }) => ({ kind, value })),
      firstSeenAt: found.firstSeenAt,
      lastSeenAt: found.lastSeenAt,
    })
  }
  return conflicts
}

async function instancesOf(read: ReadModel, cluster: ClusterRecord): Promise<readonly InstanceRecord[]> {
  const found: InstanceRecord[] = []
  for await (const each of everyPage(after =>
    read.instances({ size: 1000, ...after }, { clusterId: cluster.id }),
  ))
    found.push(each)
  return found
}

function rolesOf(instances: readonly InstanceRecord[]): ConflictSide['roles'] {
  return instances.flatMap(({ role, goneSince }) =>
    role === undefined || goneSince !== undefined ? [] : [role],
  )
}
