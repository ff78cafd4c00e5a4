import type {
  ListInstancesRequest,
  ListInstancesResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { clusterSelectorKeys } from '../../fleet/cluster-selector.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { instancePage } from './fleet-lists.ts'
import { instanceToWire } from './fleet-to-wire.ts'
import { Names } from './naming.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'
import { narrowingOf } from './selected.ts'

/** ListInstances. */
export function listInstances({ store, operations }: OperatorDeps) {
  return async (request: ListInstancesRequest, { scope }: CallContext): Promise<ListInstancesResponse> => {
    const page = pageOf(request)
    const filter = filterOf(request, ['gone', 'selector'])
    const gone = oneOf(filter, 'gone', ['true', 'false'])
    const narrowing = narrowingOf(filter, scope, operations, clusterSelectorKeys)
    const names = new Names(store.read)
    const { items, next } =
      narrowing === undefined
        ? await store.read.instances(page, gone === undefined ? {} : { gone: gone === 'true' })
        : instancePage(
            narrowing.fleet,
            page,
            each =>
              (gone === undefined || (each.goneSince !== undefined) === (gone === 'true')) &&
              narrowing.selection.instance(each),
          )
    const databases = await store.read.databasesIn(items.map(instance => instance.clusterId))
    return {
      instances: await Promise.all(
        items.map(instance =>
          instanceToWire(instance, databases.get(instance.clusterId) ?? 0, store.read, names),
        ),
      ),
      nextPageToken: next ?? '',
    }
  }
}
