import { describe, expect, it } from 'vitest'
import {
  type ConflictSide,
  conflictsIn,
  evidenceOfOthers,
  judgeConflict,
  sameIdentity,
} from '../../../coordinator/fleet/conflicts.ts'
import { newId } from '../../../shared/clock/index.ts'

const seen = { firstSeenAt: 1, lastSeenAt: 2 }
const system = { kind: 'postgres-system-identifier', value: '7400000000000000001', ...seen }
const side = (roles: ConflictSide['roles'], goneSince?: number): ConflictSide => ({
  roles,
  cluster: { evidence: [system], ...(goneSince === undefined ? {} : { goneSince }) },
})

describe('two clusters that show one identity', () => {
  it('are a clone only when both accept writes', () => {
    expect(judgeConflict(side(['primary']), side(['replica', 'primary'])).kind).toBe('clone')
  })

  it('are a replica that stands apart when one of them only follows, whichever is asked', () => {
    expect(judgeConflict(side(['primary']), side(['replica'])).kind).toBe('replica-apart')
    expect(judgeConflict(side(['replica']), side(['primary'])).kind).toBe('replica-apart')
  })

  it('are unclear while a side was not asked, or none accepts writes: nothing is guessed', () => {
    expect(judgeConflict(side(['primary']), side([])).kind).toBe('unclear')
    expect(judgeConflict(side(['replica']), side(['replica'])).kind).toBe('unclear')
  })

  it('have ended once one of them is gone, whatever its last role was', () => {
    expect(judgeConflict(side(['primary']), side(['primary'], 9)).kind).toBe('ended')
  })

  it('name what they share, and not what they remember of each other', () => {
    const other = { kind: sameIdentity, value: newId('cluster'), ...seen }
    const one = { roles: [], cluster: { evidence: [other, system] } }
    const two = { roles: [], cluster: { evidence: [other, system, { ...system, value: '1' }] } }
    expect(judgeConflict(one, two).shared).toEqual([system])
  })
})

describe('what a cluster remembers of others', () => {
  const remembered = (count: number) =>
    Array.from({ length: count }, () => ({ kind: sameIdentity, value: newId('cluster'), ...seen }))

  it('is nothing that is no id of a cluster', () => {
    expect(conflictsIn({ evidence: [{ ...system, kind: sameIdentity, value: 'prod' }, system] })).toEqual([])
  })

  it('has an end: forty servers of one image do not push out who they are', () => {
    const forty = remembered(40).map(each => each.value as never)
    expect(evidenceOfOthers({ evidence: [system] }, forty)).toHaveLength(16)
  })

  it('keeps those it knows before it takes new ones', () => {
    const known = remembered(16)
    const last = known[15]?.value as never
    const fresh = newId('cluster')
    expect(evidenceOfOthers({ evidence: known }, [fresh, last])).toEqual([
      { kind: sameIdentity, value: last },
    ])
  })
})
