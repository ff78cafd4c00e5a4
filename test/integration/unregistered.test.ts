import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { speaks } from '../../agent/host/speaks.ts'
import type { AgentId } from '../../shared/model/identifiers.ts'
import { startTestAgent } from '../agent/link/agent-under-test.ts'
import { gapsOf } from '../coordinator/gaps-of.ts'
import { discovered, type Running, running } from '../coordinator/running.ts'
import {
  type PostgresServer,
  requireServers,
  startPostgres,
  temporaryFolder,
  waitUntil,
} from '../harness/index.ts'

const servers = await requireServers('servers nobody registered', 'postgres')

describe.skipIf(servers.missing)('P1: a PostgreSQL server that discovery does not show', () => {
  let postgres: PostgresServer
  let fleet: Running
  beforeAll(async () => {
    postgres = await startPostgres()
    fleet = await running()
    fleet.source.show([discovered({ nodeName: 'another', port: postgres.port })])
  })
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  /** An agent on this host, until it has told what it sees. */
  async function agent(options: Omit<Parameters<typeof startTestAgent>[0], 'state' | 'coordinator'>) {
    const folder = await temporaryFolder('unregistered')
    const agent = await startTestAgent({
      state: join(folder.path, 'state'),
      coordinator: `127.0.0.1:${fleet.port}`,
      node: 'here',
      ...options,
    })
    await waitUntil(
      () => fleet.coordinator.operations.liveAgent(agent.agentId as AgentId)?.clockOffset !== undefined,
      {
        what: 'heartbeats',
      },
    )
    return {
      id: agent.agentId,
      [Symbol.asyncDispose]: async () => {
        await agent.stop()
        await folder.remove()
      },
    }
  }

  // the machine may have others: ours is known by its port
  const gap = async (agentId: string) =>
    (await gapsOf(fleet)).find(
      each => each.subjectId === agentId && each.detail.includes(`:${postgres.port};`),
    )

  test('is a gap with its program and address, until discovery shows it under any address of the host', async () => {
    await using one = await agent({ unregistered: { report: true } })
    expect(await waitUntil(() => gap(one.id), { what: 'the gap' })).toMatchObject({
      subjectKind: 'server',
      state: 'unprotected',
      reason: 'not-discovered',
      detail: `postgres listens on 127.0.0.1:${postgres.port}; no source of discovery shows it`,
    })
    fleet.source.show([discovered({ nodeName: 'here', address: 'orders.example', port: postgres.port })])
    await waitUntil(async () => (await gap(one.id)) === undefined, { what: 'no gap' })
    fleet.source.show([discovered({ nodeName: 'another', port: postgres.port })])
    await waitUntil(() => gap(one.id), { what: 'the gap again' })
  })

  test('is known by what it speaks where its program may not be seen, and its log has nothing of it', async () => {
    const before = await postgres.log()
    expect(await speaks('127.0.0.1', postgres.port)).toBe('postgres')
    expect((await postgres.log()).slice(before.length)).toBe('')
  })

  test.each([
    ['its port is left out', (port: number) => ({ unregistered: { report: true, exclude_ports: [port] } })],
    ['the agent is told not to look', () => ({ unregistered: { report: false } })],
    ['the agent is of a pool', () => ({ pool: true, unregistered: { report: true } })],
    ['the agent is a keeper', () => ({ keeper: true, unregistered: { report: true } })],
  ])('is none where %s', async (_, options) => {
    await using one = await agent(options(postgres.port))
    expect(await gap(one.id)).toBeUndefined()
  })
})
