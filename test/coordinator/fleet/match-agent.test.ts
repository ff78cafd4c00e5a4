import { describe, expect, test } from 'vitest'
import { AgentDirectory, type MatchSubject } from '../../../coordinator/fleet/match-agent.ts'
import { agentMeta, poolMeta } from '../../../coordinator/fleet/service-meta.ts'
import type { AgentRecord } from '../../../coordinator/store/records.ts'
import { newId } from '../../../shared/clock/index.ts'

function agent(over: Partial<AgentRecord> = {}): AgentRecord {
  return {
    id: newId('agent'),
    instanceUuid: 'u',
    bootId: 'b',
    hostname: 'host',
    nodeId: '',
    nodeName: '',
    addresses: [],
    version: '1',
    features: [],
    tools: [],
    cores: 1,
    memoryBytes: 1,
    keeper: false,
    pool: false,
    clockOffsetMs: 0,
    draining: false,
    firstSeenAt: 0,
    lastSeenAt: 0,
    ...over,
  }
}

const subject: MatchSubject = {
  discoveryKey: 'dc1/default/n-7/pg',
  nodeId: 'n-7',
  nodeName: 'host7',
  nodeAddress: '10.0.0.7',
  address: '10.0.0.7',
  meta: {},
}
const match = (
  agents: readonly AgentRecord[],
  over: Partial<MatchSubject> = {},
  gone: readonly AgentRecord[] = [],
) => new AgentDirectory(agents, each => gone.includes(each)).match({ ...subject, ...over })

describe('the rule instance → agent', () => {
  test('the node id decides before the name, the name before the address', () => {
    const byId = agent({ nodeId: 'n-7', hostname: 'renamed' })
    const byName = agent({ nodeName: 'host7' })
    const byAddress = agent({ addresses: ['10.0.0.7'] })
    expect(match([byAddress, byName, byId])).toEqual({ kind: 'one', agentId: byId.id, by: 'node-id' })
    expect(match([byAddress, byName])).toEqual({ kind: 'one', agentId: byName.id, by: 'node-name' })
    expect(match([byAddress])).toEqual({ kind: 'one', agentId: byAddress.id, by: 'address' })
  })

  test('two of equal claim are ambiguous, and no lesser rule breaks the tie', () => {
    const twins = [agent({ nodeName: 'host7' }), agent({ nodeName: 'host7', addresses: ['10.0.0.7'] })]
    expect(match(twins)).toMatchObject({ kind: 'several', agentIds: twins.map(each => each.id).sort() })
  })

  test('one that is gone for good does not make its successor ambiguous', () => {
    const old = agent({ nodeName: 'host7' })
    const rebuilt = agent({ nodeName: 'host7' })
    expect(match([old, rebuilt], {}, [old])).toMatchObject({ kind: 'one', agentId: rebuilt.id })
    // alone, it is still the one that answers: a silent agent is a reason people can act on
    expect(match([old], {}, [old])).toMatchObject({ kind: 'one', agentId: old.id })
  })

  test.each(['127.0.0.1', '127.0.1.1', '::1', 'localhost'])(
    '%s is every host: it matches nobody by address',
    address => {
      const each = agent({ addresses: [address] })
      expect(match([each], { address, nodeAddress: address }).kind).toBe('none')
      // by node it does
      expect(match([agent({ nodeName: 'host7' })], { address, nodeAddress: address })).toMatchObject({
        kind: 'one',
      })
    },
  )

  test('keepers and pool agents on the same host serve only what names them', () => {
    const local = agent({ hostname: 'host7' })
    const keeper = agent({ hostname: 'host7', keeper: true, pool: true })
    const pool = agent({ hostname: 'pool1', pool: true })
    expect(match([local, keeper, pool])).toMatchObject({ kind: 'one', agentId: local.id })
    expect(match([keeper, pool]).kind).toBe('none')
    expect(match([local, keeper, pool], { meta: { [agentMeta]: 'pool1' } })).toEqual({
      kind: 'one',
      agentId: pool.id,
      by: 'meta',
    })
  })

  test('meta that names nobody known is a gap, not another agent', () => {
    const local = agent({ hostname: 'host7' })
    expect(match([local], { meta: { [agentMeta]: 'pool9' } })).toMatchObject({ kind: 'unseen' })
  })

  test('meta asks for a pool: its agents share the instances, each is always the same one’s, and others take over', () => {
    const pool = ['pool1', 'pool2', 'pool3'].map(hostname => agent({ hostname, pool: true }))
    const local = agent({ nodeId: 'n-7' })
    const of = (key: string, meta = 'any', gone: readonly AgentRecord[] = []) => {
      const found = match([local, ...pool], { discoveryKey: key, meta: { [poolMeta]: meta } }, gone)
      return found.kind === 'one' ? found.agentId : undefined
    }
    const keys = Array.from({ length: 60 }, (_, i) => `dc1/default/n/${i}`)
    const chosen = keys.map(key => of(key))
    expect(new Set(chosen)).toEqual(new Set(pool.map(each => each.id)))
    expect(keys.map(key => of(key))).toEqual(chosen)
    // only what the lost one had moves
    const [lost] = pool
    for (const [i, key] of keys.entries()) {
      const now = of(key, 'any', lost === undefined ? [] : [lost])
      expect(now === lost?.id).toBe(false)
      if (chosen[i] !== lost?.id) expect(now).toBe(chosen[i])
    }
    expect(of('k', 'pool2')).toBe(pool[1]?.id)
    expect(of('k', 'pool8, pool2')).toBe(pool[1]?.id)
    // an agent that is no pool agent is none by this meta
    expect(match([agent({ hostname: 'x' })], { meta: { [poolMeta]: 'x' } })).toMatchObject({ kind: 'none' })
    expect(match([agent({ hostname: 'x' })], { meta: { [poolMeta]: 'any' } })).toMatchObject({ kind: 'none' })
  })

  test('an empty node id or name matches nobody', () => {
    const nameless = agent({ hostname: 'elsewhere' })
    expect(match([nameless], { nodeId: '', nodeName: '', address: '', nodeAddress: '' }).kind).toBe('none')
  })
})
