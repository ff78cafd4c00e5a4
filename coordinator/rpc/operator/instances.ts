import type {
  ListInstancesRequest,
  ListInstancesResponse,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { covers } from '../../operations/principal.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { instanceToWire } from './fleet-to-wire.ts'
import { Names } from './naming.ts'
import { filterOf, oneOf, pageOf } from './narrow.ts'

/** ListInstances. */
export function listInstances({ store }: OperatorDeps) {
  return async (request: ListInstancesRequest, { scope }: CallContext): Promise<ListInstancesResponse> => {
    const page = pageOf(request)
    const gone = oneOf(filterOf(request, ['gone']), 'gone', ['true', 'false'])
    const names = new Names(store.read)
    const { items, next } = await store.read.instances(
      page,
      gone === undefined ? {} : { gone: gone === 'true' },
    )
    const visible = items.filter(instance => covers(scope, instance.clusterId))
    const databases = await store.read.databasesIn(visible.map(instance => instance.clusterId))
    return {
      instances: await Promise.all(
        visible.map(instance =>
          instanceToWire(instance, databases.get(instance.clusterId) ?? 0, store.read, names),
        ),
      ),
      nextPageToken: next ?? '',
    }
  }
}
