import { describe, expect, test } from 'vitest'
import { OperatorServiceService } from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { FakeAgent } from '../../harness/fake-agent.ts'
import { waitUntil } from '../../harness/index.ts'
import { discovered, type Running, running } from '../running.ts'
import { asked, operatorAt, tokenFor } from './asking.ts'

type Operator = ReturnType<typeof operatorAt>
interface Foreign {
  readonly clusterId: string
  readonly databaseId: string
  readonly instanceId: string
  readonly agentId: string
  readonly jobId: string
  readonly backupId: string
}

const page = { pageSize: 0, pageToken: '', filter: '' }
const anyRestore = { into: 'copy', instance: '', approval: '' }

/** What a question of every RPC is to end with, for whoever sees team A only and asks for what is team B's. */
const questions: Readonly<
  Record<
    string,
    {
      readonly ask: (operator: Operator, foreign: Foreign) => Promise<unknown>
      /** Absent: it answers, and nothing of team B is in the answer. */
      readonly refused?: 'not-found' | 'access.denied'
    }
  >
> = {
  getStatus: { ask: o => o.ask('getStatus', {}) },
  listAgents: { ask: o => o.ask('listAgents', page) },
  getAgent: { ask: (o, f) => o.ask('getAgent', { agent: f.agentId }), refused: 'not-found' },
  listInstances: { ask: o => o.ask('listInstances', page) },
  listClusters: { ask: o => o.ask('listClusters', page) },
  getCluster: { ask: (o, f) => o.ask('getCluster', { cluster: f.clusterId }), refused: 'not-found' },
  listDatabases: { ask: o => o.ask('listDatabases', page) },
  getDatabase: { ask: o => o.ask('getDatabase', { database: 'billing-db/billing' }), refused: 'not-found' },
  listGaps: { ask: o => o.ask('listGaps', page) },
  listJobs: { ask: o => o.ask('listJobs', page) },
  getJob: { ask: (o, f) => o.ask('getJob', { jobId: f.jobId }), refused: 'not-found' },
  explainJob: { ask: (o, f) => o.ask('explainJob', { jobId: f.jobId }), refused: 'not-found' },
  watchJob: { ask: (o, f) => firstOf(o.watch(f.jobId)), refused: 'not-found' },
  cancelJob: { ask: (o, f) => o.ask('cancelJob', { jobId: f.jobId, ...asked() }), refused: 'not-found' },
  listBackups: { ask: o => o.ask('listBackups', page) },
  getBackup: { ask: (o, f) => o.ask('getBackup', { backupId: f.backupId }), refused: 'not-found' },
  startBackup: {
    ask: (o, f) => o.ask('startBackup', { database: f.databaseId, ...asked() }),
    refused: 'not-found',
  },
  startRestore: {
    ask: (o, f) => o.ask('startRestore', { backupId: f.backupId, ...anyRestore, ...asked() }),
    refused: 'not-found',
  },
  copyBackup: {
    ask: (o, f) => o.ask('copyBackup', { backupId: f.backupId, destination: 'main', ...asked() }),
    refused: 'not-found',
  },
  verifyBackup: {
    ask: (o, f) => o.ask('verifyBackup', { backupId: f.backupId, ...asked() }),
    refused: 'not-found',
  },
  listVerifications: { ask: o => o.ask('listVerifications', page) },
  holdBackup: {
    ask: (o, f) => o.ask('holdBackup', { backupId: f.backupId, until: 0, ...asked() }),
    refused: 'not-found',
  },
  deleteBackup: {
    ask: (o, f) =>
      o.ask('deleteBackup', { ...{ backupId: f.backupId, lastGood: false, approval: '' }, ...asked() }),
    refused: 'access.denied',
  },
  releaseBackup: {
    ask: (o, f) => o.ask('releaseBackup', { backupId: f.backupId, approval: '', ...asked() }),
    refused: 'access.denied',
  },
  previewRetention: {
    ask: (o, f) => o.ask('previewRetention', { database: f.databaseId, pageSize: 0, pageToken: '' }),
    refused: 'not-found',
  },
  releaseBrake: { ask: o => o.ask('releaseBrake', { approval: '', ...asked() }), refused: 'access.denied' },
  getPlan: { ask: o => o.ask('getPlan', { at: 0, horizonMs: 0, whatIf: '', limit: 0 }) },
  listTrends: { ask: o => o.ask('listTrends', { ...page, sort: '' }) },
  listDestinations: { ask: o => o.ask('listDestinations', page) },
  listAlerts: { ask: o => o.ask('listAlerts', page) },
  getAlert: { ask: o => o.ask('getAlert', { alert: 'any' }), refused: 'not-found' },
  ackAlert: { ask: o => o.ask('ackAlert', { alert: 'any', ...asked() }), refused: 'access.denied' },
  silenceAlerts: {
    ask: o =>
      o.ask('silenceAlerts', {
        selector: [{ name: 'service', value: 'billing-db' }],
        durationMs: 1_000,
        ...asked(),
      }),
    refused: 'access.denied',
  },
  listSilences: { ask: o => o.ask('listSilences', {}) },
  endSilence: {
    ask: o => o.ask('endSilence', { silenceId: 'sil_01890a5d-ac96-774b-bcce-b302099a8057', ...asked() }),
    refused: 'access.denied',
  },
  testAlertChannel: {
    ask: o => o.ask('testAlertChannel', { channel: 'any', ...asked() }),
    refused: 'access.denied',
  },
  pause: {
    ask: o => o.ask('pause', { scope: 'fleet', subject: '', durationMs: 0, ...asked() }),
    refused: 'access.denied',
  },
  resume: {
    ask: o => o.ask('resume', { scope: 'fleet', subject: '', ...asked() }),
    refused: 'access.denied',
  },
  listPauses: { ask: o => o.ask('listPauses', {}) },
  drainAgent: {
    ask: (o, f) => o.ask('drainAgent', { agent: f.agentId, ...asked() }),
    refused: 'not-found',
  },
  undrainAgent: {
    ask: (o, f) => o.ask('undrainAgent', { agent: f.agentId, ...asked() }),
    refused: 'not-found',
  },
  listAudit: { ask: o => o.ask('listAudit', { ...page, oldestFirst: false }), refused: 'access.denied' },
  verifyAudit: {
    ask: o => o.ask('verifyAudit', { withoutAnchors: true, thisIncarnation: false }),
    refused: 'access.denied',
  },
  getPolicies: { ask: o => o.ask('getPolicies', { revision: 0 }), refused: 'access.denied' },
  getEffectivePolicy: {
    ask: (o, f) => o.ask('getEffectivePolicy', { database: f.databaseId }),
    refused: 'not-found',
  },
  checkPolicies: { ask: o => o.ask('checkPolicies', { text: '' }), refused: 'access.denied' },
  applyPolicies: {
    ask: o =>
      o.ask('applyPolicies', {
        ...{ text: '', fromConfiguration: false, expectedRevision: 0, approval: '' },
        ...asked(),
      }),
    refused: 'access.denied',
  },
  createJoinToken: {
    ask: o => o.ask('createJoinToken', { host: '', ttlMs: 0, ...asked() }),
    refused: 'access.denied',
  },
  revokeAgent: {
    ask: (o, f) => o.ask('revokeAgent', { agent: f.agentId, approval: '', ...asked() }),
    refused: 'access.denied',
  },
  whoAmI: { ask: o => o.ask('whoAmI', {}) },
  createToken: {
    ask: o =>
      o.ask('createToken', {
        ...{ name: 'x', role: 'viewer', ttlMs: 60_000, selector: [], approval: '' },
        ...asked(),
      }),
    refused: 'access.denied',
  },
  listTokens: { ask: o => o.ask('listTokens', page), refused: 'access.denied' },
  revokeToken: {
    ask: o => o.ask('revokeToken', { token: 'x', approval: '', ...asked() }),
    refused: 'access.denied',
  },
  listApprovals: { ask: o => o.ask('listApprovals', page) },
  grantApproval: {
    ask: o => o.ask('grantApproval', { approvalId: 'apr_01890a5d-ac96-774b-bcce-b302099a8057', ...asked() }),
    refused: 'access.denied',
  },
  denyApproval: {
    ask: o => o.ask('denyApproval', { approvalId: 'apr_01890a5d-ac96-774b-bcce-b302099a8057', ...asked() }),
    refused: 'not-found',
  },
}

test('every RPC of the contract is asked here', () => {
  expect(Object.keys(OperatorServiceService).filter(name => questions[name] === undefined)).toEqual([])
})

describe('team A sees, starts and restores only its databases', () => {
  test('no question of a narrowed operator tells or touches anything of team B', async () => {
    await using fleet = await running()
    const { foreign, own } = await twoTeams(fleet)
    const selector = [{ name: 'tag', value: 'team-a' }]
    using operator = operatorAt(fleet.port, await tokenFor(fleet.port, 'olga', 'operator', { selector }))
    using restorer = operatorAt(fleet.port, await tokenFor(fleet.port, 'rita', 'restorer', { selector }))
    const told = [...Object.values(foreign), 'billing']
    for (const [name, { ask, refused }] of Object.entries(questions)) {
      const who = name === 'startRestore' ? restorer : operator
      const answer = await ask(who, foreign).then(
        value => ({ value }),
        (error: { code: string; message: string }) => ({ code: error.code, value: error.message }),
      )
      expect({ name, code: 'code' in answer ? answer.code : undefined }).toEqual({ name, code: refused })
      if (refused !== undefined) continue
      const text = JSON.stringify(answer.value)
      expect({ name, told: told.filter(each => text.includes(each)) }).toEqual({ name, told: [] })
    }
    // and what is its own it sees and may touch
    const { databases } = await operator.ask('listDatabases', page)
    expect(databases.map(each => each.name)).toEqual(['orders'])
    expect(await operator.ask('getStatus', {})).toMatchObject({ narrowed: true, databases: 1, instances: 1 })
    expect((await operator.ask('startBackup', { database: 'orders', ...asked() })).job?.kind).toBe('backup')
    const restore = { backupId: own.backupId, ...anyRestore, ...asked() }
    expect((await restorer.ask('startRestore', restore)).job?.kind).toBe('restore')
    // onto a server of team B it may not
    await expect(
      restorer.ask('startRestore', { ...restore, instance: foreign.instanceId, ...asked() }),
    ).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a server that joins another team is out of sight at once', async () => {
    await using fleet = await running()
    await twoTeams(fleet)
    const selector = [{ name: 'tag', value: 'team-a' }]
    using olga = operatorAt(fleet.port, await tokenFor(fleet.port, 'olga', 'operator', { selector }))
    fleet.source.show([server('orders', 'team-b'), server('billing', 'team-b')])
    await waitUntil(async () => (await olga.ask('listDatabases', page)).databases.length === 0, {
      what: 'the database to be out of sight',
    })
  })
})

function server(name: string, tag: string) {
  return discovered({
    ...{ nodeName: `${name}-host`, serviceId: `${name}-db`, serviceName: `${name}-db`, tags: [tag] },
  })
}

/** Orders of team A, billing of team B, each with a database and a backup. */
async function twoTeams(fleet: Running): Promise<{ readonly own: Foreign; readonly foreign: Foreign }> {
  fleet.source.show([server('orders', 'team-a'), server('billing', 'team-b')])
  const made: Foreign[] = []
  for (const name of ['orders', 'billing']) {
    const agent = await fleet.agent({ hostname: `${name}-host` })
    made.push(await backedUp(fleet, agent, name))
  }
  const [own, foreign] = made
  if (own === undefined || foreign === undefined) throw new Error('two teams were meant')
  return { own, foreign }
}

async function backedUp(fleet: Running, agent: FakeAgent, name: string): Promise<Foreign> {
  const watch = await agent.next('watch', each => each.instances.length === 1)
  const instanceId = watch.instances[0]?.instanceId ?? ''
  agent.inventory(instanceId, [name])
  const { result } = await agent.succeed()
  const { database } = await waitUntil(
    async () => (await fleet.store.read.databases({ size: 9 }, { name })).items[0],
    { what: `the database ${name}` },
  )
  const [backup] = (await fleet.store.read.backups({ size: 9 }, { databaseId: database.id })).items
  return {
    ...{ clusterId: database.clusterId, databaseId: database.id, instanceId, agentId: agent.agentId },
    ...{ jobId: result.attempt?.jobId ?? '', backupId: backup?.id ?? '' },
  }
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}
