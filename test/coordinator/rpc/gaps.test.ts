import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../../coordinator/rpc/handle.ts'
import type { OperatorDeps } from '../../../coordinator/rpc/operator/deps.ts'
import { listGaps } from '../../../coordinator/rpc/operator/gaps.ts'

const nothing = { pageSize: 0, pageToken: '', filter: '' }

/** A coordinator that knows so many instances, and what its sources last said. */
function deps(instances: number, discovery: readonly object[]): OperatorDeps {
  const empty = async () => ({ items: [], next: undefined })
  return {
    store: {
      read: {
        instances: async (_: object, filter: { gone?: boolean }) => ({
          items:
            filter.gone === true ? [] : Array.from({ length: instances }, () => ({ clusterId: 'cls_1' })),
          next: undefined,
        }),
        databaseStates: empty,
        databases: empty,
        copiesMissingSince: empty,
        verificationGaps: empty,
      },
    },
    operations: {
      status: async () => ({ discovery, startedAt: 7, leader: true }),
      goneSinceAtLeast: () => 0,
      unregistered: () => [],
      copiesMissingSinceAtMost: () => 0,
      fleet: () => undefined,
    },
  } as unknown as OperatorDeps
}

const context = { scope: { kind: 'fleet' } } as unknown as CallContext

async function reasons(about: OperatorDeps, filter = ''): Promise<readonly string[]> {
  const { gaps } = await listGaps(about)({ ...nothing, filter }, context)
  return gaps.map(({ subjectKind, reason }) => `${subjectKind} ${reason}`)
}

describe('the list of gaps', () => {
  it('P1: of a fleet that nobody has seen yet says that, not that there is none', async () => {
    expect(await reasons(deps(0, []))).toEqual(['fleet nothing-known'])
  })

  it('P1: names a source that never answered, whatever another one has shown', async () => {
    const sources = [
      { source: 'consul', ok: false },
      { source: 'static', ok: true, lastOkAt: 1 },
    ]
    expect(await reasons(deps(1, sources))).toEqual(['discovery discovery-never-answered'])
    expect(await reasons(deps(1, sources), 'reason=overdue')).toEqual([])
  })

  it('is empty once everything has answered and all is well', async () => {
    expect(await reasons(deps(1, [{ source: 'static', ok: false, lastOkAt: 1 }]))).toEqual([])
  })
})
