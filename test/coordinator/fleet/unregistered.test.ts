import { expect, test } from 'vitest'
import { KnownServers } from '../../../coordinator/fleet/unregistered.ts'
import type { InstanceRecord } from '../../../coordinator/store/records.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'
import { uuidOf } from '../jobs/job-maker.ts'

const host = {
  id: idFrom('agent', uuidOf(1)),
  hostname: 'db1',
  nodeId: 'n-1',
  nodeName: 'node1',
  addresses: ['10.0.0.1', 'fd00::1'],
}
const shown = (change: Partial<InstanceRecord>) =>
  ({
    nodeId: '',
    nodeName: '',
    nodeAddress: '',
    address: '127.0.0.1',
    port: 5432,
    ...change,
  }) as InstanceRecord
const server = (...ports: number[]) => ({
  program: 'postgres',
  sockets: ports.map(port => ({ address: '0.0.0.0', port })),
})

test.each<[string, Partial<InstanceRecord>]>([
  ['its address', { address: '10.0.0.1' }],
  ['another address of the host', { address: 'fd00::1' }],
  ['the address of the node', { nodeAddress: '10.0.0.1', address: 'orders.example' }],
  ['its node id', { nodeId: 'n-1' }],
  ['its node name', { nodeName: 'node1' }],
  ['its host name', { nodeName: 'db1' }],
  ['the agent that answers for it', { agentId: host.id, address: 'orders.example' }],
])('P1: a server is known by %s and its port', (_, change) => {
  const known = new KnownServers([shown(change)])
  expect(known.has(server(5432), host)).toBe(true)
  // one port of several is enough
  expect(known.has(server(33060, 5432), host)).toBe(true)
  expect(known.has(server(5433), host)).toBe(false)
})

test('P1: a loopback address is of every host, hence of none; what is gone is not shown', () => {
  expect(new KnownServers([shown({})]).has(server(5432), host)).toBe(false)
  expect(new KnownServers([shown({ address: '10.0.0.2' })]).has(server(5432), host)).toBe(false)
  expect(new KnownServers([shown({ nodeName: 'db1', goneSince: 1 })]).has(server(5432), host)).toBe(false)
  const local = { program: 'postgres', sockets: [{ address: '127.0.0.1', port: 5432 }] }
  expect(new KnownServers([shown({ nodeName: 'other' })]).has(local, host)).toBe(false)
})
