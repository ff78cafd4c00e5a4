import { describe, expect, test } from 'vitest'
import { AckDisposition } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { waitUntil } from '../../harness/index.ts'
import { type Running, withDatabase } from '../running.ts'

const recipient = 'age1w3zx5aqpj78dykk0thxmqrrkh7v64es65qwsjg9ts7n0axx9ze2sutyx5p'
const policy = {
  name: 'all',
  every: '1h',
  rpo: '2h',
  destination: 'main',
  retry: { attempts: 3, base_delay: '20ms', max_delay: '50ms' },
}
const encrypts = { policies: [{ ...policy, encryption: { required: true, recipients: [recipient] } }] }
const locks = {
  destinations: { main: { url: 's3://bucket/prod', object_lock: { mode: 'governance', days: 30 } } },
}
const copiesToLocked = {
  destinations: {
    main: { url: 's3://bucket/prod' },
    far: { url: 's3://far/prod', storage_class: 'STANDARD_IA' },
  },
  policies: [{ ...policy, destination: undefined, destinations: ['main', 'far'] }],
}

/** The planner's word on the one job that waits. */
function told(fleet: Running, code: string) {
  return waitUntil(
    async () => {
      const [job] = (await fleet.store.read.jobs({ size: 10 }, {})).items
      if (job === undefined) return undefined
      return (await fleet.store.read.decisions(job.id)).find(each => each.code === code)
    },
    { what: `the decision ${code}` },
  )
}

describe('an agent that does not know what a job needs', () => {
  test.each([
    ['a policy that encrypts', encrypts, ['destination-settings'], 'its policy encrypts'],
    ['a destination with Object Lock', locks, ['encryption'], 'its destination has settings'],
    [
      'a second destination with a storage class',
      copiesToLocked,
      ['encryption'],
      'its destination has settings',
    ],
  ])('%s: gets no job, and the job says why', async (_, config, features, text) => {
    await using world = await withDatabase(config, { features })
    const decision = await told(world.fleet, 'agent-too-old')
    expect(decision.text).toContain(text)
    expect(world.agent.frames.filter(each => each.$case === 'assign')).toEqual([])
  })

  test.each([
    ['encryption', encrypts],
    ['destination-settings', locks],
  ])('one that knows %s is given it', async (feature, config) => {
    await using world = await withDatabase(config, { features: [feature] })
    const assign = await world.agent.next('assign')
    expect(assign.spec?.$case).toBe('backup')
  })
})

describe('a backup in plaintext where the policy requires encryption', () => {
  test('J7: it is kept, and both the story of its job and the audit tell of it', async () => {
    await using world = await withDatabase(encrypts, { features: ['encryption'] })
    const { agent, fleet } = world
    const { ack } = await agent.succeed()
    expect(ack.disposition).toBe(AckDisposition.RECORDED)
    const [job] = (await fleet.store.read.jobs({ size: 10 }, {})).items
    if (job?.state.kind !== 'succeeded') throw new Error('the job did not succeed')
    const warnings = (await fleet.store.read.decisions(job.id)).filter(each => each.kind === 'warning')
    expect(warnings.map(each => each.text).join()).toContain('stored in plaintext, and policy `all` requires')
    const events = await fleet.store.read.audit({ size: 50 }, { action: 'backup.plaintext' })
    expect(events.items).toMatchObject([
      { class: 'security', actor: `agent:${agent.agentId}`, subject: job.state.backupId },
    ])
  })

  test('where nothing requires encryption nothing is told', async () => {
    await using world = await withDatabase()
    await world.agent.succeed()
    const events = await world.fleet.store.read.audit({ size: 50 }, { action: 'backup.plaintext' })
    expect(events.items).toEqual([])
  })
})
