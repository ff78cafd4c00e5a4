import { copyFile, mkdir, readFile, rename } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Agent, startAgent } from '../../../agent/agent.ts'
import { agentConfigSchema } from '../../../agent/config.ts'
import { askToRenew } from '../../../agent/link/enrolment.ts'
import { type Coordinator, connect } from '../../../cli/connect.ts'
import { noteShownKey } from '../../../coordinator/operations/note-shown-key.ts'
import { newId } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import {
  certificateRequest,
  identityOf,
  loadMaterial,
  newPrivateKey,
  proofOfKey,
  readPrivateKey,
} from '../../../shared/tls/index.ts'
import { clientChannel } from '../../../shared/wire/channel.ts'
import { fakeEngine, fakeTarget } from '../../agent/jobs/fake-engine.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { certificateOf, type Shown, type TestPki, testPki } from '../../harness/pki.ts'
import { discovered, type Running, running } from '../running.ts'
import { freshStore } from '../store/fresh-store.ts'

/** A company's own CA for everything; the coordinator has none of its keys and certifies nobody. */
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let pki: TestPki
let fleet: Running
let admin: Coordinator
let agent: Agent
const agentId = newId('agent')
const at = (name: string) => join(folder.path, name)
const files = () => ({ ca_file: at('own-ca.pem'), certificate_file: at('own.pem'), key_file: at('own.key') })

/** Puts a certificate where the agent reads it, as a PKI's tool does: file by file. */
async function install(shown: Shown): Promise<void> {
  const { ca_file: ca, certificate_file: certificate, key_file: key } = files()
  for (const [from, to] of [
    [shown.caFile, ca],
    [shown.keyFile, key],
    [shown.certificateFile, certificate],
  ] as const) {
    await copyFile(from, `${to}.new`)
    await rename(`${to}.new`, to)
  }
}

const keys = () => fleet.store.read.certifiedKeysOf(agentId)
const signers = async () => {
  const { items } = await fleet.store.read.audit({ size: 500 }, { oldestFirst: true })
  return items.filter(each => each.action === 'backup.recorded').map(each => String(each.detail['signed_by']))
}
const backUp = async () => {
  const before = (await signers()).length
  await admin.ask('startBackup', { database: 'orders', reason: 'test', requestId: crypto.randomUUID() })
  return waitUntil(async () => (await signers())[before], { what: 'another backup', timeout: 40_000 })
}

beforeAll(async () => {
  folder = await temporaryFolder('own-pki')
  pki = await testPki(at('company'))
  const { ca_key_file: _, ...tls } = pki.tls
  await mkdir(at('bucket'))
  fleet = await running({
    ...{ insecure_loopback: false, tls, operators: { ann: 'admin' } },
    destinations: { main: { url: `file://${at('bucket')}` } },
    times: { lease_ttl: '1m' },
  })
  const shown = await pki.client({ kind: 'operator', name: 'ann' })
  admin = connect(`127.0.0.1:${fleet.port}`, { identity: await loadMaterial(shown) })
  await install(await pki.client({ kind: 'agent', agentId }))
  fleet.source.show([discovered({ nodeName: hostname() })])
  const engine = fakeEngine()
  agent = await startAgent(
    agentConfigSchema.parse({
      coordinator: { address: `127.0.0.1:${fleet.port}`, longest_wait: '200ms', tls: files() },
      ...{
        state_dir: at('state'),
        node_name: hostname(),
        codec: 'none',
        status: { port: 0 },
        stop_grace: '2s',
      },
    }),
    silentLog,
    { engineFor: () => engine, targetFor: () => fakeTarget },
  )
})
afterAll(async () => {
  await agent?.stop()
  admin?.close()
  await fleet?.[Symbol.asyncDispose]()
  await folder?.remove()
})

test('an agent with a certificate of the company is served by its name there; its key is known from then on', async () => {
  expect(agent.agentId).toBe(agentId)
  await waitUntil(() => agent.connected, { what: 'the agent to be welcomed' })
  const [key] = await keys()
  expect(key).toMatchObject({ agentId, shown: true })
  expect(key?.lastSeenAt).toBe(key?.certifiedAt)
})

test('what it backs up is recorded as signed by that key', async () => {
  const signedBy = await waitUntil(async () => (await signers())[0], {
    what: 'the first backup',
    timeout: 40_000,
  })
  expect(signedBy).toBe((await keys())[0]?.keyId)
})

test('a new certificate in its files is used without a restart, and signs from then on', async () => {
  const [first] = await keys()
  await install(await pki.client({ kind: 'agent', agentId }))
  await waitUntil(async () => (await keys()).length === 2, { what: 'the new key', timeout: 30_000 })
  const second = (await keys()).find(each => each.keyId !== first?.keyId)
  await waitUntil(() => agent.connected, { what: 'the agent to be welcomed again' })
  expect(await backUp()).toBe(second?.keyId)
  const { items } = await fleet.store.read.audit({ size: 500 }, { action: 'agent.key-shown' })
  expect(items.map(each => each.detail['key_id'])).toContain(second?.keyId)
})

test('what the company certified is not renewed here', async () => {
  const shown = await pki.client({ kind: 'agent', agentId })
  const material = await loadMaterial(shown)
  const request = await certificateRequest(newPrivateKey())
  const own = material.chain[0]
  if (own === undefined) throw new Error('no certificate')
  const key = readPrivateKey(await readFile(shown.keyFile, 'utf8'), shown.keyFile)
  const asked = askToRenew(
    clientChannel({ address: `127.0.0.1:${fleet.port}`, insecureLoopback: false, tls: material }),
    { certificateDer: own.raw, certificateRequestDer: request, proof: proofOfKey(key, own.raw, request) },
  )
  await expect(asked).rejects.toMatchObject({ code: 'enrol.no-authority' })
})

test('a revoked agent of the company is cut off, and refused with every certificate it has', async () => {
  await admin.ask('revokeAgent', {
    agent: agentId,
    approval: '',
    reason: 'lost',
    requestId: crypto.randomUUID(),
  })
  await waitUntil(() => !agent.connected, { what: 'the agent to be cut off' })
  expect((await keys()).every(each => each.revokedAt !== undefined)).toBe(true)
})

test('a key belongs to the agent it was first seen with', async () => {
  await using fresh = await freshStore()
  const shown = await pki.client({ kind: 'agent', agentId })
  const identity = identityOf(certificateOf(await readFile(shown.certificateFile)))
  if (identity === undefined) throw new Error('no identity')
  const note = (id: typeof agentId, now: number) =>
    fresh.store.write('test', tx => noteShownKey(tx, { id, hostname: 'db1' }, identity, now))
  expect(await note(agentId, 1_000)).toBe('new')
  expect(await note(agentId, 2_000)).toBe('known')
  expect((await fresh.store.read.certifiedKey(identity.keyId))?.lastSeenAt).toBe(1_000)
  expect(await note(agentId, 1_000 + 86_400_000)).toBe('known')
  expect((await fresh.store.read.certifiedKey(identity.keyId))?.lastSeenAt).toBe(86_401_000)
  expect(await note(newId('agent'), 3_000)).toBe('of-another-agent')
  expect((await fresh.store.read.certifiedKey(identity.keyId))?.agentId).toBe(agentId)
})
