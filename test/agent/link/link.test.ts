import { describe, expect, it } from 'vitest'
import { openDirectoryStore } from '../../../shared/object-store/directory.ts'
import { objectKey } from '../../../shared/object-store/index.ts'
import { AckDisposition, CancelReason } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { type FrameIn, startFakeCoordinator } from '../../harness/fake-coordinator.ts'
import { freePort, requireServers, temporaryFolder, waitUntil } from '../../harness/index.ts'
import { fakeEngine } from '../jobs/fake-engine.ts'
import {
  backupSpec,
  bucketContent,
  deleteSpec,
  folders,
  instance,
  newAttempt,
  restoreSpec,
} from '../jobs/world.ts'
import { startTestAgent } from './agent-under-test.ts'

const servers = await requireServers('agent link', 'pv')

const refusal = (retryAfterMs: number) => (): FrameIn => ({
  $case: 'refused',
  value: {
    failure: { code: 'link.cloned', message: '', hint: '', context: [], problems: [] },
    retryAfterMs,
  },
})

describe.skipIf(servers.missing)('the agent on its link', () => {
  it('works only on Start (J10), reports uploads and progress, and sends the manifest it read back', async () => {
    await using folder = await temporaryFolder('link')
    await using coordinator = await startFakeCoordinator()
    const places = await folders(folder.path)
    const engine = fakeEngine()
    const agent = await startTestAgent(
      { state: places.state, coordinator: coordinator.address },
      { engineFor: () => engine },
    )
    try {
      const session = await coordinator.session()
      expect(session.hello).toMatchObject({ agentId: agent.agentId, running: [], unacknowledged: [] })
      const attempt = newAttempt()
      session.send({
        $case: 'assign',
        value: { attempt, kind: JobKind.BACKUP, spec: { $case: 'backup', value: backupSpec(places.bucket) } },
      })
      expect((await session.received('accepted')).attempt).toEqual(attempt)
      await session.received('heartbeat', 3)
      expect(engine.calls).toEqual([])

      session.send({ $case: 'start', value: { attempt } })
      const result = await session.received('result')
      expect(result).toMatchObject({ outcome: 'succeeded', attempt, destination: 'main', debris: [] })
      const manifest = JSON.parse(Buffer.from(result.manifest).toString('utf8'))
      expect(manifest).toMatchObject({ attempt_id: attempt.attemptId, job_id: attempt.jobId })
      expect(session.of('uploadOpened')[0]).toMatchObject({ attempt, attemptPrefix: result.attemptPrefix })
      expect(session.of('uploadClosed').map(({ how }) => how)).toEqual(['completed'])
      expect(session.of('progress').length).toBeGreaterThan(0)
    } finally {
      await agent.stop()
    }
  })

  it('stores no more than it is told of an attempt, until it is told otherwise', async () => {
    await using folder = await temporaryFolder('link')
    await using coordinator = await startFakeCoordinator({ welcome: { heartbeatIntervalMs: 20 } })
    const places = await folders(folder.path)
    const agent = await startTestAgent({ state: places.state, coordinator: coordinator.address })
    try {
      const session = await coordinator.session()
      expect(session.hello.features).toContain('rate')
      const attempt = newAttempt()
      session.send({
        $case: 'assign',
        value: { attempt, kind: JobKind.BACKUP, spec: { $case: 'backup', value: backupSpec(places.bucket) } },
      })
      session.send({ $case: 'rate', value: { attempt, maxRate: 1 } })
      await session.received('accepted')
      session.send({ $case: 'start', value: { attempt } })
      await session.received('heartbeat', session.of('heartbeat').length + 25)
      expect(session.of('result')).toEqual([])
      session.send({ $case: 'rate', value: { attempt, maxRate: 0 } })
      expect((await session.received('result')).outcome).toBe('succeeded')
    } finally {
      await agent.stop()
    }
  })

  it('takes nothing new while it is drained, says so, and takes work again with the next Welcome', async () => {
    await using folder = await temporaryFolder('link')
    await using coordinator = await startFakeCoordinator({ welcome: { heartbeatIntervalMs: 20 } })
    const places = await folders(folder.path)
    const agent = await startTestAgent({ state: places.state, coordinator: coordinator.address })
    try {
      const first = await coordinator.session()
      const offer = () => ({
        $case: 'assign' as const,
        value: {
          attempt: newAttempt(),
          kind: JobKind.BACKUP,
          spec: { $case: 'backup' as const, value: backupSpec(places.bucket) },
        },
      })
      first.send({ $case: 'drain', value: { drain: true, reason: 'kernel update' } })
      first.send(offer())
      expect(await first.received('declined')).toMatchObject({
        failure: { code: 'agent.draining', context: [{ name: 'reason', value: 'kernel update' }] },
      })
      await waitUntil(() => first.of('heartbeat').at(-1)?.draining === true, { what: 'its word of it' })
      first.send({ $case: 'drain', value: { drain: false, reason: '' } })
      first.send(offer())
      await first.received('accepted')

      // drained, and the end of that said while there was no stream
      first.send({ $case: 'drain', value: { drain: true, reason: 'again' } })
      await waitUntil(() => first.of('heartbeat').at(-1)?.draining === true, { what: 'its word of it' })
      first.end()
      const second = await coordinator.session(2)
      await second.received('heartbeat')
      expect(second.of('heartbeat')[0]?.draining).toBe(false)
    } finally {
      await agent.stop()
    }
  })

  it('tells of its host with each heartbeat', async () => {
    await using folder = await temporaryFolder('link')
    await using coordinator = await startFakeCoordinator()
    const places = await folders(folder.path)
    const agent = await startTestAgent({ state: places.state, coordinator: coordinator.address })
    try {
      const session = await coordinator.session()
      const { resources, load1 } = await session.received('heartbeat')
      expect(resources).toMatchObject({ slots: 2, maxRate: 0, partBufferBytes: 128 * 2 ** 20, load1 })
      expect(resources?.disks[0]?.purposes).toContain('state')
      expect(resources?.memoryAvailableBytes).toBeGreaterThan(0)
    } finally {
      await agent.stop()
    }
  })

  it('J12: a result is sent on every new stream until it is answered, and then no more', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator()
    const agent = await startTestAgent({ state: places.state, coordinator: coordinator.address })
    try {
      const first = await coordinator.session()
      const attempt = newAttempt()
      first.send({
        $case: 'assign',
        value: { attempt, kind: JobKind.BACKUP, spec: { $case: 'backup', value: backupSpec(places.bucket) } },
      })
      await first.received('accepted')
      first.send({ $case: 'start', value: { attempt } })
      const told = await first.received('result')
      first.end()
      const second = await coordinator.session(2)
      expect(second.hello.unacknowledged).toEqual([attempt])
      expect((await second.received('result')).resultId).toBe(told.resultId)
      second.send({
        $case: 'ack',
        value: { resultId: told.resultId, disposition: AckDisposition.RECORDED, reason: '' },
      })
      await waitUntil(() => second.of('heartbeat').at(-1)?.spooledResults === 0, { what: 'an empty spool' })
      second.end()
      const third = await coordinator.session(3)
      await third.received('heartbeat', 3)
      expect(third.hello).toMatchObject({ unacknowledged: [], lastIncarnation: 'inc_1' })
      expect(third.of('result')).toEqual([])

      // A5: the store was restored from an older backup of itself
      coordinator.welcome = { incarnation: 'inc_2' }
      third.end()
      const fourth = await coordinator.session(4)
      expect((await fourth.received('result')).resultId).toBe(told.resultId)
    } finally {
      await agent.stop()
    }
  })

  it('a running backup survives a coordinator that is away (L1) and is listed in the next Hello (J6)', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    const gate = Promise.withResolvers<void>()
    const engine = fakeEngine({ onOpenDump: () => gate.promise })
    let coordinator = await startFakeCoordinator()
    const { port } = coordinator
    const agent = await startTestAgent(
      { state: places.state, coordinator: coordinator.address },
      { engineFor: () => engine },
    )
    try {
      const session = await coordinator.session()
      const attempt = newAttempt()
      session.send({
        $case: 'assign',
        value: { attempt, kind: JobKind.BACKUP, spec: { $case: 'backup', value: backupSpec(places.bucket) } },
      })
      await session.received('accepted')
      session.send({ $case: 'start', value: { attempt } })
      await waitUntil(() => engine.calls.includes('openDump database'), { what: 'the dump to be opened' })
      await coordinator.stop()
      await waitUntil(() => !agent.connected, { what: 'the loss to be noticed' })
      coordinator = await startFakeCoordinator({ port })
      const second = await coordinator.session()
      expect(second.hello.running).toEqual([attempt])
      // Start again is harmless
      second.send({ $case: 'start', value: { attempt } })
      gate.resolve()
      expect((await second.received('result')).outcome).toBe('succeeded')
      expect(engine.calls.filter(call => call.startsWith('openDump'))).toHaveLength(1)
    } finally {
      await agent.stop()
      await coordinator.stop()
    }
  })

  it('a lower term is refused: the stream ends and nothing it said is done (A4)', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator()
    coordinator.term = 5
    const agent = await startTestAgent({ state: places.state, coordinator: coordinator.address })
    try {
      const session = await coordinator.session()
      await session.received('heartbeat')
      const attempt = newAttempt()
      session.send(
        {
          $case: 'assign',
          value: {
            attempt,
            kind: JobKind.BACKUP,
            spec: { $case: 'backup', value: backupSpec(places.bucket) },
          },
        },
        4,
      )
      const second = await coordinator.session(2)
      await second.received('heartbeat')
      expect(session.of('accepted')).toEqual([])
      expect(second.of('accepted')).toEqual([])

      // a deposed leader is not even let to say welcome
      coordinator.term = 3
      second.end()
      const third = await coordinator.session(3)
      await waitUntil(() => third.ended, { what: 'the agent to hang up' })
      expect(third.of('heartbeat')).toEqual([])
      // a restored store begins anew
      coordinator.welcome = { incarnation: 'inc_2' }
      const fourth = await waitUntil(
        () =>
          coordinator.sessions.find(
            each => each.of('heartbeat').length > 0 && each !== session && each !== second,
          ),
        { what: 'service by a restored store' },
      )
      expect(fourth.ended).toBe(false)
    } finally {
      await agent.stop()
    }
  })

  it('frames of a newer coordinator are ignored, and the link goes on (L4)', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator()
    const agent = await startTestAgent({ state: places.state, coordinator: coordinator.address })
    try {
      const session = await coordinator.session()
      session.sendRaw({ term: 1, frame: undefined })
      session.send({ $case: 'start', value: { attempt: newAttempt() } })
      session.send({ $case: 'cancel', value: { attempt: undefined, reason: CancelReason.REQUESTED } })
      session.send({
        $case: 'ack',
        value: { resultId: 'res_x', disposition: AckDisposition.RECORDED, reason: '' },
      })
      await session.received('heartbeat', session.of('heartbeat').length + 3)
      expect(session.ended).toBe(false)
      expect(coordinator.sessions).toHaveLength(1)
    } finally {
      await agent.stop()
    }
  })

  it('refused for good, it stays away and says why; refused for now, it dials again', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator({ greet: refusal(1) })
    const agent = await startTestAgent({ state: places.state, coordinator: coordinator.address })
    try {
      await coordinator.session(2)
      coordinator.greet = refusal(0)
      const end = await agent.ended
      expect(end).toMatchObject({ kind: 'refused', error: { code: 'link.cloned' } })
    } finally {
      await agent.stop()
    }
  })

  it('watched instances are inventoried in chunks; one that cannot be asked is told as a failure', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator()
    const engine = {
      ...fakeEngine(),
      inventory: async () =>
        Array.from({ length: 1_201 }, (_, index) => ({
          name: `db${index}`,
          sizeBytes: index,
          connectable: true,
          evidence: [],
        })),
    }
    const agent = await startTestAgent(
      { state: places.state, coordinator: coordinator.address },
      { engineFor: () => engine },
    )
    try {
      const session = await coordinator.session()
      session.send({
        $case: 'watch',
        value: {
          generation: 1,
          instances: [instance, { ...instance, instanceId: 'ins_2', engine: 'oracle' }],
        },
      })
      await waitUntil(() => session.of('inventory').filter(({ last }) => last).length === 2, {
        what: 'both inventories',
      })
      const chunks = session.of('inventory').filter(({ instanceId }) => instanceId === 'ins_1')
      expect(chunks.map(({ chunk, last }) => [chunk, last])).toEqual([
        [0, false],
        [1, false],
        [2, true],
      ])
      expect(chunks.flatMap(({ databases }) => databases)).toHaveLength(1_201)
      expect(chunks.map(({ facts }) => facts?.hasGlobals)).toEqual([true, undefined, undefined])
      expect(new Set(chunks.map(({ generation }) => generation)).size).toBe(1)
      const failed = session.of('inventory').find(({ instanceId }) => instanceId === 'ins_2')
      expect(failed).toMatchObject({ last: true, failure: { code: 'engine.unknown' } })
    } finally {
      await agent.stop()
    }
  })

  it('J11: a restore asks a Grant before it renames, and a refusal drops what was restored', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator()
    const engine = fakeEngine({ folder: places.server })
    const agent = await startTestAgent(
      { state: places.state, coordinator: coordinator.address },
      { engineFor: () => engine },
    )
    try {
      const session = await coordinator.session()
      const backup = newAttempt()
      session.send({
        $case: 'assign',
        value: {
          attempt: backup,
          kind: JobKind.BACKUP,
          spec: { $case: 'backup', value: backupSpec(places.bucket) },
        },
      })
      await session.received('accepted')
      session.send({ $case: 'start', value: { attempt: backup } })
      const { manifestKey } = await session.received('result')

      for (const [index, granted] of [false, true].entries()) {
        const attempt = newAttempt()
        session.send({
          $case: 'assign',
          value: {
            attempt,
            kind: JobKind.RESTORE,
            spec: { $case: 'restore', value: restoreSpec(places.bucket, { manifestKey }) },
          },
        })
        await session.received('accepted', index + 2)
        session.send({ $case: 'start', value: { attempt } })
        const asked = await session.received('grantRequest', index + 1)
        expect(asked).toMatchObject({ attempt, action: 'rename', keys: [] })
        expect(engine.calls).not.toContain('commit')
        session.send({ $case: 'grant', value: { attempt, grantId: asked.grantId, granted, reason: 'hold' } })
        const result = await session.received('result', index + 2)
        expect(result).toMatchObject(
          granted ? { outcome: 'succeeded' } : { outcome: 'failed', failure: { code: 'job.grant-refused' } },
        )
        expect(engine.calls).toContain(granted ? 'commit' : 'abandon')
      }
    } finally {
      await agent.stop()
    }
  })

  it('J11: a delete without an answer is ended after ⅔ of the lease without contact; nothing was deleted', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator({ welcome: { leaseTtlMs: 1_200 } })
    const agent = await startTestAgent({
      state: places.state,
      coordinator: coordinator.address,
      keeper: true,
    })
    try {
      const session = await coordinator.session()
      const attempt = newAttempt()
      const dead = newAttempt()
      const prefix = `v1/data/orders~0123456789/orders~0123456789/2026/11/22/orders~0123456789_daily_20261122_000000Z_${dead.attemptId}/`
      await openDirectoryStore(places.bucket).put(objectKey(`${prefix}000-full.sql`), Buffer.from('x'))
      session.send({
        $case: 'assign',
        value: {
          attempt,
          kind: JobKind.DELETE,
          spec: { $case: 'delete', value: deleteSpec(places.bucket, { attemptPrefixes: [prefix] }) },
        },
      })
      await session.received('accepted')
      session.send({ $case: 'start', value: { attempt } })
      await session.received('grantRequest')
      coordinator.greet = refusal(1)
      session.end()
      await waitUntil(() => coordinator.sessions.at(-1)?.hello.unacknowledged.length === 1, {
        what: 'the delete to end by itself',
        timeout: 20_000,
      })
      coordinator.greet = 'welcome'
      const again = await waitUntil(() => coordinator.sessions.find(each => each.of('result').length > 0), {
        what: 'its result',
        timeout: 20_000,
      })
      expect(again.of('result')[0]).toMatchObject({
        outcome: 'failed',
        failure: { code: 'job.lost-guarded' },
      })
      expect((await bucketContent(places.bucket)).objects).toEqual([`${prefix}000-full.sql`])
    } finally {
      await agent.stop()
    }
  })

  it('stopped at work, it aborts its uploads, tells the failure and says Goodbye', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator()
    const engine = fakeEngine({ streams: ['seq 1 50000; sleep 600'] })
    const agent = await startTestAgent(
      { state: places.state, coordinator: coordinator.address },
      { engineFor: () => engine },
    )
    const session = await coordinator.session()
    const attempt = newAttempt()
    session.send({
      $case: 'assign',
      value: { attempt, kind: JobKind.BACKUP, spec: { $case: 'backup', value: backupSpec(places.bucket) } },
    })
    await session.received('accepted')
    session.send({ $case: 'start', value: { attempt } })
    // the first says where it will store, the second that it does
    await session.received('uploadOpened', 2)
    await agent.stop()
    expect(session.of('result')[0]).toMatchObject({ outcome: 'failed', failure: { code: 'interrupted' } })
    await session.received('goodbye')
    expect(await bucketContent(places.bucket)).toEqual({ objects: [], uploads: [] })
  })

  it('tells over its status port whether a coordinator serves it, and what it counted', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    const coordinator = await startFakeCoordinator()
    const agent = await startTestAgent({
      state: places.state,
      coordinator: coordinator.address,
      statusPort: await freePort(),
    })
    const page = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${agent.statusPort}${path}`)
      return { status: response.status, body: await response.text() }
    }
    try {
      await waitUntil(() => agent.connected, { what: 'a welcome' })
      expect((await page('/healthz')).status).toBe(200)
      expect((await page('/readyz')).status).toBe(200)
      const { body } = await page('/metrics')
      expect(body).toMatch(/^holdfast_agent_link_connected 1$/m)
      expect(body).toMatch(/^holdfast_agent_spool_results\{state="pending"\} 0$/m)
      await coordinator.stop()
      await waitUntil(() => !agent.connected, { what: 'the loss to be noticed' })
      expect(await page('/readyz')).toMatchObject({
        status: 503,
        body: expect.stringContaining('no coordinator serves this agent'),
      })
    } finally {
      await agent.stop()
      await coordinator.stop()
    }
  })

  it('a second agent in the same state folder does not start', async () => {
    await using folder = await temporaryFolder('link')
    const places = await folders(folder.path)
    await using coordinator = await startFakeCoordinator()
    const options = { state: places.state, coordinator: coordinator.address }
    const agent = await startTestAgent(options)
    try {
      await expect(startTestAgent(options)).rejects.toMatchObject({ code: 'agent.state-locked' })
    } finally {
      await agent.stop()
    }
  })
})
