import { expect, test } from 'vitest'
import { type AgentSession, type Frame, Sessions } from '../../../coordinator/rpc/agent-link/sessions.ts'
import { newId } from '../../../shared/clock/index.ts'
import { instance } from '../../conformance/store-records.ts'

function session(): AgentSession & { readonly sent: Frame[] } {
  const sent: Frame[] = []
  return {
    agentId: newId('agent'),
    instanceUuid: 'uuid',
    bootId: 'boot',
    serving: true,
    sent,
    send: frame => sent.push(frame),
    supersede: () => {},
  }
}

test('an agent is told what it watches once for each change, however often that is looked at', () => {
  const sessions = new Sessions(() => true)
  const agent = session()
  sessions.admit(agent)
  const [orders, shop] = [instance(), instance()]
  sessions.watch(agent.agentId, [orders])
  sessions.watch(agent.agentId, [orders])
  // written anew, for what an agent is not told
  sessions.watch(agent.agentId, [{ ...orders, inventoriedAt: 99 }])
  expect(agent.sent).toHaveLength(1)
  sessions.watch(agent.agentId, [{ ...orders, port: 6_543 }])
  sessions.watch(agent.agentId, [orders, shop])
  sessions.watch(agent.agentId, [shop, orders])
  sessions.watch(agent.agentId, [])
  expect(agent.sent).toHaveLength(5)
})

test('a new stream of an agent is told all anew', () => {
  const sessions = new Sessions(() => false)
  const first = session()
  sessions.admit(first)
  const orders = instance()
  sessions.watch(first.agentId, [orders])
  const second = { ...session(), agentId: first.agentId }
  sessions.admit(second)
  sessions.watch(first.agentId, [orders])
  expect(second.sent).toHaveLength(1)
})
