import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join as path } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Agent, type AgentOverrides, startAgent } from '../../../agent/agent.ts'
import { agentConfigSchema } from '../../../agent/config.ts'
import { join } from '../../../agent/join.ts'
import { askToEnrol, askToRenew } from '../../../agent/link/enrolment.ts'
import { type Coordinator, connect } from '../../../cli/connect.ts'
import { newId, systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import type { AgentId } from '../../../shared/model/identifiers.ts'
import {
  certificatePem,
  certificateRequest,
  certify,
  identityOf,
  keyIdOf,
  loadMaterial,
  newAuthority,
  newJoinToken,
  newPrivateKey,
  parseJoinToken,
  privateKeyPem,
  proofOfKey,
  publicKeyOf,
  type Validity,
  validity,
} from '../../../shared/tls/index.ts'
import { clientChannel } from '../../../shared/wire/channel.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { day, type TestPki, testPki } from '../../harness/pki.ts'
import { type Running, running } from '../running.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let pki: TestPki
let fleet: Running
let admin: Coordinator
beforeAll(async () => {
  folder = await temporaryFolder('joining')
  pki = await testPki(path(folder.path, 'pki'))
  fleet = await running({ insecure_loopback: false, tls: pki.tls })
  const shown = await pki.client({ kind: 'operator', name: 'admin' })
  admin = connect(`127.0.0.1:${fleet.port}`, { identity: await loadMaterial(shown) })
})
afterAll(async () => {
  admin.close()
  await fleet[Symbol.asyncDispose]()
  await folder.remove()
})

let requests = 0
const asking = () => ({ requestId: `r${++requests}`, reason: 'test' })
const token = async (over: { host?: string; ttlMs?: number } = {}) =>
  (await admin.ask('createJoinToken', { ...asking(), host: '', ttlMs: 0, ...over })).token
const anonymous = async () =>
  clientChannel({
    address: `127.0.0.1:${fleet.port}`,
    insecureLoopback: false,
    tls: await loadMaterial({ caFile: pki.caFile }),
  })
const enrolling = async (joinToken: string, hostname = 'db1', key = newPrivateKey()) =>
  askToEnrol(await anonymous(), {
    joinToken,
    certificateRequestDer: await certificateRequest(key),
    hostname,
  })
const outcome = <T>(work: Promise<T>) =>
  work.then(
    () => 'granted',
    (thrown: { code: string }) => thrown.code,
  )
let hosts = 0
const stateDir = () => path(folder.path, `host${++hosts}`)
const joining = (text: string, dir: string, hostname = 'db1') => {
  const parsed = parseJoinToken(text)
  if (parsed === undefined) throw new Error('no token')
  return join({ address: `127.0.0.1:${fleet.port}`, stateDir: dir, token: parsed, hostname })
}
const agentOn = (dir: string, overrides: AgentOverrides = {}): Promise<Agent> =>
  startAgent(
    agentConfigSchema.parse({
      coordinator: { address: `127.0.0.1:${fleet.port}`, longest_wait: '200ms' },
      state_dir: dir,
      status: { port: 0 },
      stop_grace: '1s',
    }),
    silentLog,
    overrides,
  )
const connected = (agent: Agent) => waitUntil(() => agent.connected, { what: 'the agent to be welcomed' })

describe('join tokens', () => {
  test('a token buys one identity, whose id the coordinator chooses; only its hash is kept', async () => {
    const text = await token()
    const key = newPrivateKey()
    const { agentId, certificateDer } = await enrolling(text, 'db1', key)
    const certificate = new X509Certificate(certificateDer)
    expect(identityOf(certificate)).toMatchObject({ kind: 'agent', agentId })
    const life = certificate.validToDate.getTime() - Date.now()
    expect(life).toBeGreaterThan(29 * day)
    expect(life).toBeLessThanOrEqual(30 * day)
    // a clock that is a little slow takes it at once
    expect(certificate.validFromDate.getTime()).toBeLessThan(Date.now() - 4 * 60_000)
    const [kept] = await fleet.store.read.certifiedKeysOf(agentId as AgentId)
    expect(kept).toMatchObject({ hostname: 'db1', keyId: keyIdOf(publicKeyOf(key)) })
    expect(kept?.publicKey).toBe(publicKeyOf(key).toString('base64'))
    const secret = text.split('.')[1] ?? ''
    const file = await readFile(fleet.storeFile)
    const log = await readFile(`${fleet.storeFile}-wal`).catch(() => Buffer.alloc(0))
    expect(Buffer.concat([file, log]).includes(secret)).toBe(false)
  })

  test('used again by another key it is refused, and audited; by the same key the answer is given again', async () => {
    const text = await token()
    const key = newPrivateKey()
    const first = await enrolling(text, 'db1', key)
    expect(await outcome(enrolling(text))).toBe('enrol.bad-token')
    const again = await enrolling(text, 'db1', key)
    expect(again.agentId).toBe(first.agentId)
    await waitUntil(
      async () =>
        (await fleet.store.read.audit({ size: 200 }, { actor: 'newcomer' })).items.some(
          each => each.class === 'security',
        ),
      { what: 'the audit of the refusal' },
    )
  })

  test('two hosts at once with one token: one joins', async () => {
    const text = await token()
    const outcomes = await Promise.all([
      outcome(enrolling(text, 'db1')),
      outcome(enrolling(text, 'db2')),
      outcome(enrolling(text, 'db3')),
    ])
    expect(outcomes.sort()).toEqual(['enrol.bad-token', 'enrol.bad-token', 'granted'])
  })

  test('a token of one host is refused to another, and not used up by that', async () => {
    const text = await token({ host: 'db7' })
    expect(await outcome(enrolling(text, 'db8'))).toBe('enrol.bad-token')
    expect(await outcome(enrolling(text, 'db7'))).toBe('granted')
  })

  test('an expired token is refused', async () => {
    const made = newJoinToken('00'.repeat(32))
    await fleet.store.write('test', tx =>
      tx.identities.putJoinToken({
        hash: made.hash,
        by: 'operator:test',
        createdAt: Date.now() - 2 * day,
        expiresAt: Date.now() - day,
      }),
    )
    expect(await outcome(enrolling(made.text))).toBe('enrol.bad-token')
  })

  test.each([
    ['one that nobody made', () => newJoinToken('00'.repeat(32)).text],
    ['no token', () => 'please'],
    ['nothing', () => ''],
  ])('%s is refused', async (_what, text) => {
    expect(await outcome(enrolling(text()))).toBe('enrol.bad-token')
  })

  test('a request that proves no key is refused and uses up nothing', async () => {
    const text = await token()
    const request = await certificateRequest(newPrivateKey())
    request[request.length - 1] = (request.at(-1) ?? 0) ^ 1
    for (const bytes of [request, Buffer.from('junk'), Buffer.alloc(100_000)])
      expect(
        await outcome(
          askToEnrol(await anonymous(), { joinToken: text, certificateRequestDer: bytes, hostname: 'x' }),
        ),
      ).toBe('enrol.bad-request')
    expect(await outcome(enrolling(text))).toBe('granted')
  })

  test('a repeated request does not show the token again', async () => {
    const same = { ...asking(), host: '', ttlMs: 0 }
    await admin.ask('createJoinToken', same)
    await expect(admin.ask('createJoinToken', same)).rejects.toMatchObject({ code: 'conflict' })
  })

  test.each([1, 8 * day])('a life of %d ms is refused', async ttlMs => {
    await expect(token({ ttlMs })).rejects.toMatchObject({ code: 'request.invalid' })
  })
})

describe('holdfast-agent join', () => {
  test('the agent that joined is served; the key stays where it was made', async () => {
    const dir = stateDir()
    const agentId = await joining(await token(), dir)
    const agent = await agentOn(dir)
    await connected(agent)
    expect(agent.agentId).toBe(agentId)
    await agent.stop()
    await expect(joining(await token(), dir)).rejects.toMatchObject({ code: 'tls.exists' })
  })

  test('a coordinator of another CA is not told the token', async () => {
    const other = newJoinToken('ab'.repeat(32))
    await expect(joining(other.text, stateDir())).rejects.toMatchObject({ code: 'enrol.wrong-authority' })
  })

  test('an agent that has not joined does not start', async () => {
    await expect(agentOn(stateDir())).rejects.toMatchObject({ code: 'agent.not-joined' })
  })
})

describe('revocation', () => {
  test('cuts the live stream, refuses the next ones and the renewal; keys stay known', async () => {
    const dir = stateDir()
    const agentId = (await joining(await token(), dir)) as AgentId
    const agent = await agentOn(dir)
    await connected(agent)
    await admin.ask('revokeAgent', { ...asking(), agent: agentId, approval: '' })
    await waitUntil(() => !agent.connected, { what: 'the stream to be cut' })
    const shown = await loadMaterial({
      caFile: path(dir, 'pki/ca.crt'),
      certificateFile: path(dir, 'pki/agent.pem'),
      keyFile: path(dir, 'pki/agent.pem'),
    })
    const operator = connect(`127.0.0.1:${fleet.port}`, { identity: shown })
    await expect(operator.ask('getStatus', {})).rejects.toMatchObject({ code: 'access.revoked' })
    operator.close()
    expect(agent.connected).toBe(false)
    await agent.stop()
    expect((await fleet.store.read.certifiedKeysOf(agentId))[0]?.revokedAt).toBeGreaterThan(0)
  })
})

describe('the name of whom to revoke', () => {
  const revoke = (agent: string) => admin.ask('revokeAgent', { ...asking(), agent, approval: '' })

  test('the host its token was made for will do, connected ever or not', async () => {
    const { agentId } = await enrolling(await token({ host: 'rack-4' }), 'rack-4')
    expect(await revoke('rack-4')).toMatchObject({ agentId, hostname: 'rack-4', keys: 1 })
  })

  test('the hostname that it tells of itself will do, whatever it joined as', async () => {
    const dir = stateDir()
    const agentId = await joining(await token(), dir, 'joined-as')
    const agent = await agentOn(dir)
    await connected(agent)
    const told = (await fleet.store.read.agent(agentId as AgentId))?.hostname ?? ''
    expect(told).not.toBe('joined-as')
    const others = (await fleet.store.read.agents({ size: 1_000 })).items.filter(
      each => each.hostname === told && each.id !== agentId,
    )
    for (const each of others) await revoke(each.id)
    expect(await revoke(told)).toMatchObject({ agentId })
    await waitUntil(() => !agent.connected, { what: 'the stream to be cut' })
    await agent.stop()
  })

  test('of two with one name none is taken until one is named by its id; one that is revoked already is not meant', async () => {
    const first = await enrolling(await token(), 'twin_%')
    const second = await enrolling(await token(), 'twin_%')
    // no wildcard, no part of a name
    await enrolling(await token(), 'twin_%2')
    const thrown = await revoke('twin_%').catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'ambiguous' })
    expect((thrown as { context: { ids: string[] } }).context.ids.toSorted()).toEqual(
      [first.agentId, second.agentId].toSorted(),
    )
    await revoke(first.agentId)
    expect(await revoke('twin_%')).toMatchObject({ agentId: second.agentId })
    await expect(revoke('no-such-host')).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('clocks that differ', () => {
  test('a host whose clock is behind by minutes uses its certificate at once: it holds from before it was made', async () => {
    const { certificateDer, authorityDer } = await enrolling(await token())
    const [ca] = authorityDer
    for (const der of [certificateDer, ca ?? Buffer.alloc(0)]) {
      const from = new X509Certificate(der).validFromDate.getTime()
      expect(Date.now() - from).toBeGreaterThan(4 * 60_000)
    }
  })

  test.each([
    ['an hour behind', -3_600_000],
    ['25 days ahead', 25 * day],
  ])(
    'an agent that goes by a clock %s is served: who it is, is judged by the coordinator’s',
    async (_what, offset) => {
      const dir = stateDir()
      const agentId = (await joining(await token(), dir)) as AgentId
      const clock = {
        ...systemClock,
        now: () => ({ ...systemClock.now(), wall: systemClock.now().wall + offset }),
      }
      const agent = await agentOn(dir, { clock })
      await connected(agent)
      expect(agent.agentId).toBe(agentId)
      await agent.stop()
    },
  )

  test('an agent whose clock is far ahead renews early, not in a loop', async () => {
    const dir = stateDir()
    const agentId = (await joining(await token(), dir)) as AgentId
    const clock = {
      ...systemClock,
      now: () => ({ ...systemClock.now(), wall: systemClock.now().wall + 12 * day }),
    }
    const agent = await agentOn(dir, { clock })
    const keys = async () => (await fleet.store.read.certifiedKeysOf(agentId)).length
    await waitUntil(async () => (await keys()) >= 2, { what: 'a renewal' })
    await connected(agent)
    const after = await keys()
    await agent.stop()
    expect(after).toBeLessThanOrEqual(3)
  })
})

/** An agent whose certificate has the validity asked for, known to the coordinator. */
async function certified(valid: Validity, options: { readonly known?: boolean; readonly dir?: string } = {}) {
  const agentId = newId('agent')
  const key = newPrivateKey()
  const certificate = await certify(pki.authority, publicKeyOf(key), { kind: 'agent', agentId }, valid)
  if (options.known !== false)
    await fleet.store.write('test', tx =>
      tx.identities.putKey({
        keyId: keyIdOf(publicKeyOf(key)),
        agentId,
        hostname: 'db1',
        publicKey: publicKeyOf(key).toString('base64'),
        ...valid,
        certifiedAt: valid.notBefore,
      }),
    )
  const renewing = async (over: { proof?: Buffer; request?: Buffer } = {}) => {
    const request = over.request ?? (await certificateRequest(newPrivateKey()))
    return askToRenew(await anonymous(), {
      certificateDer: certificate,
      certificateRequestDer: request,
      proof: over.proof ?? proofOfKey(key, certificate, request),
    })
  }
  return { agentId, key, certificate, renewing }
}
const endedDaysAgo = (days: number) => validity(Date.now() - (30 + days) * day, 30 * day)

describe('renewal', () => {
  test('an expired key that was not revoked is renewed, up to 30 days after its end', async () => {
    const { agentId, renewing } = await certified(endedDaysAgo(29))
    expect(identityOf(new X509Certificate((await renewing()).certificateDer))).toMatchObject({ agentId })
    expect(await outcome((await certified(endedDaysAgo(31))).renewing())).toBe('enrol.not-renewable')
  })

  test('nobody renews what they cannot prove', async () => {
    const { renewing, certificate } = await certified(endedDaysAgo(1))
    const request = await certificateRequest(newPrivateKey())
    const forged = proofOfKey(newPrivateKey(), certificate, request)
    expect(await outcome(renewing({ request, proof: forged }))).toBe('enrol.not-renewable')
    expect(await outcome(renewing({ proof: Buffer.alloc(0) }))).toBe('enrol.not-renewable')
  })

  test('a proof of one request renews no other', async () => {
    const { renewing, certificate, key } = await certified(endedDaysAgo(1))
    const proof = proofOfKey(key, certificate, await certificateRequest(newPrivateKey()))
    expect(await outcome(renewing({ proof }))).toBe('enrol.not-renewable')
  })

  test('a key that was never certified here is not, though our CA signed it', async () => {
    expect(await outcome((await certified(endedDaysAgo(1), { known: false })).renewing())).toBe(
      'enrol.not-renewable',
    )
  })

  test('a certificate of another CA is not', async () => {
    const other = await newAuthority('Test CA 1', Date.now())
    const key = newPrivateKey()
    const subject = { kind: 'agent', agentId: newId('agent') } as const
    const certificate = await certify(other, publicKeyOf(key), subject, endedDaysAgo(1))
    const request = await certificateRequest(newPrivateKey())
    expect(
      await outcome(
        askToRenew(await anonymous(), {
          certificateDer: certificate,
          certificateRequestDer: request,
          proof: proofOfKey(key, certificate, request),
        }),
      ),
    ).toBe('enrol.not-renewable')
  })

  test('a revoked one is not', async () => {
    const { agentId, renewing } = await certified(endedDaysAgo(1))
    await admin.ask('revokeAgent', { ...asking(), agent: agentId, approval: '' })
    expect(await outcome(renewing())).toBe('access.revoked')
  })

  test.each([
    ['past a third of its life', validity(Date.now() - 20 * day, 30 * day)],
    ['expired', endedDaysAgo(10)],
  ])('an agent whose certificate is %s renews it by itself and is served', async (_what, valid) => {
    const dir = stateDir()
    await joining(await token(), dir)
    const old = await certified(valid)
    const file = path(dir, 'pki/agent.pem')
    await writeFile(file, privateKeyPem(old.key) + certificatePem(old.certificate), { mode: 0o600 })
    const agent = await agentOn(dir)
    expect(agent.agentId).toBe(old.agentId)
    await waitUntil(async () => (await fleet.store.read.certifiedKeysOf(old.agentId)).length === 2, {
      what: 'the next key to be certified',
    })
    await connected(agent)
    const ends = async () => new X509Certificate(await readFile(file)).validToDate.getTime()
    await waitUntil(async () => (await ends()) > Date.now() + 29 * day, { what: 'the next certificate' })
    await agent.stop()
  })
})

describe('the end of a certificate', () => {
  test('ends the stream that began with it', async () => {
    const dir = stateDir()
    await joining(await token(), dir)
    const agentId = newId('agent')
    const key = newPrivateKey()
    // one third of its life is long over, and nobody renews it: the coordinator does not know its key
    const valid = { notBefore: Date.now() - day, notAfter: Math.trunc(Date.now() / 1_000) * 1_000 + 8_000 }
    const certificate = await certify(pki.authority, publicKeyOf(key), { kind: 'agent', agentId }, valid)
    await writeFile(path(dir, 'pki/agent.pem'), privateKeyPem(key) + certificatePem(certificate), {
      mode: 0o600,
    })
    const agent = await agentOn(dir)
    await connected(agent)
    await waitUntil(() => !agent.connected, { what: 'the stream to end', timeout: 20_000 })
    expect(Date.now()).toBeGreaterThanOrEqual(valid.notAfter)
    await agent.stop()
  })
})
