import { describe, expect, test } from 'vitest'
import { run } from '../../../cli/program.ts'
import type { Discovery } from '../../../shared/discovery/index.ts'
import type { Failure } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import type { Gap } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, running, withDatabase } from '../running.ts'

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** What `gap list --reason` says, and how it exits. */
async function gapList(fleet: Running, reason: string) {
  let out = ''
  const status = await run(['gap', 'list', '--reason', reason, '-o', 'json'], {
    out: text => (out += text),
    err: () => {},
    width: 80,
    interactive: false,
    environment: { HOLDFAST_COORDINATOR: `127.0.0.1:${fleet.port}` },
    now: Date.now,
    signal: new AbortController().signal,
  })
  return { status, gaps: (JSON.parse(out) as { gaps: readonly Record<string, unknown>[] }).gaps }
}

/** Waits for a gap of a reason, in the list that people see. */
function gap(fleet: Running, reason: string): Promise<Partial<Gap>> {
  return waitUntil(
    async () => {
      const { status, gaps } = await gapList(fleet, reason)
      expect(status).toBe(gaps.length > 0 ? 1 : 0)
      return gaps[0] as Partial<Gap> | undefined
    },
    { what: `the gap ${reason}`, interval: 50 },
  )
}

const failure = (code: string): Failure => ({
  code,
  message: 'so it is',
  hint: '',
  context: [],
  problems: [],
})

describe('each reason why nobody can look after a server is in the list, with exit 1', () => {
  test('its agent was given no credential, lacks the tools, cannot list, or has not yet', async () => {
    await using fleet = await running()
    fleet.source.show([discovered()])
    const agent = await fleet.agent()
    const watch = await agent.next('watch', each => each.instances.length > 0)
    const [{ instanceId = '' } = {}] = watch.instances
    await gap(fleet, 'not-inventoried')
    for (const [generation, code, reason] of [
      [1, 'agent.no-credential', 'no-credential'],
      [2, 'tool.missing', 'tools-missing'],
      [3, 'database.unreachable', 'inventory-failing'],
    ] as const) {
      agent.send({
        $case: 'inventory',
        value: {
          instanceId,
          generation,
          chunk: 0,
          last: true,
          databases: [],
          facts: undefined,
          failure: failure(code),
        },
      })
      expect((await gap(fleet, reason)) as object).toMatchObject({ detail: `${code}: so it is` })
    }
  })

  test('a source never answered, and nothing is known at all', async () => {
    const mute: Discovery = { source: 'consul', watch: (_, signal) => aborted(signal) }
    await using fleet = await running({}, { sources: [mute] })
    expect((await gap(fleet, 'nothing-known')) as object).toMatchObject({ state: 'unknown' })
    expect((await gap(fleet, 'discovery-never-answered')) as object).toMatchObject({ subject_name: 'consul' })
  })
})

describe('each reason why a database is not protected', () => {
  test('no policy is for it; its server takes no connections to it', async () => {
    await using world = await withDatabase({
      policies: [
        { name: 'some', match: { databases: ['orders'] }, every: '1h', rpo: '2h', destination: 'main' },
      ],
    })
    const { fleet, agent, instanceId } = world
    agent.send({
      $case: 'inventory',
      value: {
        instanceId,
        generation: 2,
        chunk: 0,
        last: true,
        facts: {
          ...{ serverVersion: '15.8', role: 'primary', hasGlobals: false, replicationSource: undefined },
          ...{ replicationLagMs: 0, replicationLagUnknown: false, clockOffsetMs: 0, missingPrivileges: [] },
          evidence: [{ kind: 'postgres-system-identifier', value: instanceId }],
        },
        failure: undefined,
        databases: [
          { name: 'orders', sizeBytes: 1, connectable: false, evidence: [] },
          { name: 'scratch', sizeBytes: 1, connectable: true, evidence: [] },
        ],
      },
    })
    expect((await gap(fleet, 'not-connectable')) as object).toMatchObject({ state: 'unprotected' })
    expect((await gap(fleet, 'no-policy')) as object).toMatchObject({ state: 'unprotected' })
  })

  test('late, though nothing stands in the way: its backup waits or is at work', async () => {
    await using world = await withDatabase({
      policies: [{ name: 'all', every: '1s', rpo: '1s', destination: 'main' }],
    })
    const { fleet, agent } = world
    expect((await gap(fleet, 'job-running')) as object).toMatchObject({ state: 'breached' })
    await agent.accept(await agent.next('assign'))
    expect((await gap(fleet, 'job-running')).detail).toMatch(/^late: promised by /)
  })
})
