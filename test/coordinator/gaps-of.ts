import type { CallContext } from '../../coordinator/rpc/handle.ts'
import { listGaps } from '../../coordinator/rpc/operator/gaps.ts'
import type { Gap } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Running } from './running.ts'

/** Every gap, as an operator who may see the whole fleet is told of it. */
export async function gapsOf({ store, coordinator }: Running): Promise<readonly Gap[]> {
  const context = { scope: { kind: 'fleet' } } as unknown as CallContext
  const { gaps } = await listGaps({
    store,
    operations: coordinator.operations,
  })({ pageSize: 100, pageToken: '', filter: '' }, context)
  return gaps
}
