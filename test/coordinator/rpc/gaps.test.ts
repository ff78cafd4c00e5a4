import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../../coordinator/rpc/handle.ts'
import type { OperatorDeps } from '../../../coordinator/rpc/operator/deps.ts'
import { listGaps } from '../../../coordinator/rpc/operator/gaps.ts'

const nothing = { pageSize: 0, pageToken: '', filter: '' }

/** A coordinator that knows so many instances, what its sources last said, and which copies are missing since when. */
function deps(
  instances: number,
  discovery: readonly object[],
  copies: readonly { readonly backup: object; readonly copy: { readonly since: number } }[] = [],
): OperatorDeps {
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
        copiesMissingSince: async (_: object, atMost: number) => ({
          items: copies.filter(({ copy }) => copy.since <= atMost),
          next: undefined,
        }),
        verificationGaps: empty,
      },
    },
    operations: {
      status: async () => ({ discovery, startedAt: 7, leader: true }),
      goneSinceAtLeast: () => 0,
      unregistered: () => [],
      copiesMissingSinceAtMost: () => 1_000,
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

  it('has copies that are overdue, with how the last try failed; those that may be on their way are not told', async () => {
    const missing = (id: string, since: number, failure?: object) => ({
      backup: { id, subjectName: 'orders', databaseIds: [], clusterId: 'cls_1' },
      copy: { destination: 'far', state: 'missing', since, ...(failure === undefined ? {} : { failure }) },
    })
    const denied = { code: 'object-store.denied', message: 'no' }
    const copies = [missing('bkp_1', 500, denied), missing('bkp_2', 1_000), missing('bkp_3', 1_001)]
    const { gaps } = await listGaps(deps(1, [{ source: 'static', ok: true, lastOkAt: 1 }], copies))(
      nothing,
      context,
    )
    expect(gaps).toMatchObject([
      {
        ...{
          subjectKind: 'copy',
          subjectName: 'orders in far',
          state: 'missing',
          reason: 'copy-missing',
          since: 500,
        },
        detail: 'of bkp_1, last object-store.denied: no',
      },
      { subjectId: 'bkp_2', detail: 'of bkp_2', since: 1_000 },
    ])
  })

  it('is empty once everything has answered and all is well', async () => {
    expect(await reasons(deps(1, [{ source: 'static', ok: false, lastOkAt: 1 }]))).toEqual([])
  })
})
