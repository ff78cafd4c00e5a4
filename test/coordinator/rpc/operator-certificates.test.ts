import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Coordinator, connect } from '../../../cli/connect.ts'
import { readIdentity } from '../../../cli/identity.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { certificateRequest, loadMaterial, newPrivateKey } from '../../../shared/tls/index.ts'
import { holdfast } from '../../cli/holdfast.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { type TestPki, testPki } from '../../harness/pki.ts'
import { queuedJob } from '../jobs/job-maker.ts'
import { type Running, running } from '../running.ts'
import { asked, operatorAt, tokenFor } from './asking.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let pki: TestPki
let fleet: Running
let admin: Coordinator
let adminFolder: string
beforeAll(async () => {
  folder = await temporaryFolder('operators')
  pki = await testPki(join(folder.path, 'pki'))
  fleet = await running({
    ...{ insecure_loopback: false, tls: pki.tls },
    // ann's name would make her an admin: what is issued to her says what she is
    operators: { admin: 'admin', ann: 'admin' },
  })
  const shown = await pki.client({ kind: 'operator', name: 'admin' })
  admin = connect(`127.0.0.1:${fleet.port}`, { identity: await loadMaterial(shown) })
  adminFolder = join(folder.path, 'admin')
  await fill(adminFolder, shown)
})
afterAll(async () => {
  admin?.close()
  await fleet?.[Symbol.asyncDispose]()
  await folder?.remove()
})

async function fill(at: string, shown: { caFile: string; certificateFile: string; keyFile: string }) {
  const { mkdir } = await import('node:fs/promises')
  await mkdir(at, { recursive: true })
  for (const [from, to] of [
    [shown.caFile, 'ca.crt'],
    [shown.certificateFile, 'client.crt'],
    [shown.keyFile, 'client.key'],
  ] as const)
    await writeFile(join(at, to), await readFile(from), { mode: 0o600 })
}

/** The whole way: a request on the operator's machine, the certificate from the admin's, put together there. */
async function operator(name: string, role: string, more: readonly string[] = []) {
  const home = join(folder.path, `${name}-${crypto.randomUUID().slice(0, 8)}`)
  const address = `127.0.0.1:${fleet.port}`
  const request = await holdfast(['certificate', 'request', '--out', home])
  expect(request.status, request.err).toBe(0)
  const words = [
    'certificate',
    'issue',
    '--request',
    join(home, 'request.pem'),
    '--name',
    name,
    '--role',
    role,
  ]
  const issued = await holdfast(
    [
      ...words,
      '--ca-out',
      join(home, 'ca.crt'),
      '--identity',
      adminFolder,
      '--reason',
      'a new colleague',
      ...more,
    ],
    { address, at: Date.now() },
  )
  expect(issued.status, issued.err).toBe(0)
  await writeFile(join(home, 'client.crt'), issued.out)
  const tokenId = /tok_[0-9a-f-]+/.exec(issued.err)?.[0] ?? ''
  const ask = async () => {
    const asking = connect(address, { identity: await readIdentity(home) })
    try {
      return await asking.ask('whoAmI', {})
    } finally {
      asking.close()
    }
  }
  return { home, tokenId, ask, connect: async () => connect(address, { identity: await readIdentity(home) }) }
}

const refused = (code: string) => expect.objectContaining({ code })

describe('a certificate for a further operator', () => {
  test('is made for a key that stays on its machine, and has the role and scope it was issued with', async () => {
    const ann = await operator('ann', 'viewer', ['--selector', 'service=orders-*'])
    expect((await stat(join(ann.home, 'client.key'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(ann.home, 'request.pem'), 'utf8')).not.toContain('PRIVATE')
    expect(await ann.ask()).toMatchObject({
      ...{ name: 'ann', roles: ['viewer'], knownBy: 'certificate', tokenId: ann.tokenId },
      selector: [{ name: 'service', value: 'orders-*' }],
    })
    const asking = await ann.connect()
    await expect(asking.ask('listTokens', { pageSize: 0, pageToken: '', filter: '' })).rejects.toThrow(
      refused('access.denied'),
    )
    asking.close()
    const { tokens } = await admin.ask('listTokens', { pageSize: 0, pageToken: '', filter: 'name=ann' })
    expect(tokens[0]).toMatchObject({
      tokenId: ann.tokenId,
      kind: 'certificate',
      state: 'live',
      role: 'viewer',
    })
    const { items } = await fleet.store.read.audit({ size: 9 }, { action: 'certificate.issued' })
    expect(items[0]).toMatchObject({
      actor: 'operator:admin',
      subject: ann.tokenId,
      reason: 'a new colleague',
    })
  })

  test('that is revoked is refused from then on, on connections that stand too, and cuts its streams; also after a restart', async () => {
    const ann = await operator('ann', 'viewer')
    const bob = await operator('bob', 'viewer')
    const standing = await ann.connect()
    const others = await bob.connect()
    const job = queuedJob()
    await fleet.store.write('test', tx => tx.jobs.insert(job))
    const watch = (of: Coordinator) => {
      const stream = of.watchJob(job.id, new AbortController().signal)[Symbol.asyncIterator]()
      return { first: stream.next(), next: () => stream.next() }
    }
    const hers = watch(standing)
    const his = watch(others)
    await hers.first
    await his.first
    const cut = hers.next()
    const goesOn = his.next()
    await admin.ask('revokeToken', { token: ann.tokenId, approval: '', ...asked() })
    await expect(cut).rejects.toThrow(refused('access.revoked'))
    await expect(standing.ask('whoAmI', {})).rejects.toThrow(refused('access.revoked'))
    await expect(ann.ask()).rejects.toThrow(refused('access.revoked'))
    // nobody else notices
    expect(await Promise.race([goesOn.then(() => 'over'), bob.ask().then(() => 'answered')])).toBe('answered')
    goesOn.catch(() => undefined)
    standing.close()
    others.close()
    await fleet.restart()
    await expect(ann.ask()).rejects.toThrow(refused('access.revoked'))
    expect((await bob.ask()).name).toBe('bob')
    const { items } = await fleet.store.read.audit({ size: 9 }, { action: 'certificate.revoked' })
    expect(items[0]?.subject).toBe(ann.tokenId)
  })

  test('is made once for a key, and only for whoever has it', async () => {
    const shown = await pki.client({ kind: 'operator', name: 'admin' })
    const asking = connect(`127.0.0.1:${fleet.port}`, { identity: await loadMaterial(shown) })
    const request = await certificateRequest(newPrivateKey())
    const of = (certificateRequestDer: Buffer, over = {}) =>
      asking.ask('createToken', {
        ...{ name: 'cleo', role: 'viewer', ttlMs: 3_600_000, selector: [], approval: '' },
        ...{ certificateRequestDer, ...asked(), ...over },
      })
    const again = { requestId: 'one', reason: 'x' }
    const first = await of(request, again)
    // an answer that was lost is given again
    expect((await of(request, again)).token?.tokenId).toBe(first.token?.tokenId)
    await expect(of(request)).rejects.toThrow(refused('conflict'))
    const forged = Buffer.from(request)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    await expect(of(forged)).rejects.toThrow(refused('enrol.bad-request'))
    await expect(of(Buffer.alloc(0))).rejects.toThrow(refused('enrol.bad-request'))
    await expect(of(await certificateRequest(newPrivateKey()), { role: 'root' })).rejects.toThrow(
      refused('request.invalid'),
    )
    asking.close()
  })

  test('is not to be had where the CA is somebody else’s', async () => {
    const { ca_key_file: _, ...tls } = pki.tls
    await using other = await running({ insecure_loopback: false, tls })
    const shown = await pki.client({ kind: 'operator', name: 'admin' })
    const asking = connect(`127.0.0.1:${other.port}`, { identity: await loadMaterial(shown) })
    await expect(
      asking.ask('createToken', {
        ...{ name: 'ann', role: 'viewer', ttlMs: 3_600_000, selector: [], approval: '', ...asked() },
        certificateRequestDer: await certificateRequest(newPrivateKey()),
      }),
    ).rejects.toThrow(refused('enrol.no-authority'))
    asking.close()
  })

  test('an admin by configuration counts as a second person: another admin takes two', async () => {
    const approvals = { required: ['create-admin'] }
    await using own = await running({
      ...{ insecure_loopback: false, tls: pki.tls, access: { approvals } },
      operators: { admin: 'admin', boss: 'admin' },
    })
    const shown = await pki.client({ kind: 'operator', name: 'admin' })
    const asking = connect(`127.0.0.1:${own.port}`, { identity: await loadMaterial(shown) })
    const another = { name: 'cleo', role: 'admin', ttlMs: 3_600_000, selector: [], approval: '' }
    await expect(asking.ask('createToken', { ...another, ...asked() })).rejects.toThrow(
      refused('approval.needed'),
    )
    asking.close()
  })
})

describe('a stream that was opened with a token', () => {
  test('ends when the token is revoked, and when it expires', async () => {
    let ahead = 0
    const clock = {
      ...systemClock,
      now: () => ({ ...systemClock.now(), wall: systemClock.now().wall + ahead }),
    }
    await using own = await running({}, { clock })
    const job = queuedJob()
    await own.store.write('test', tx => tx.jobs.insert(job))
    const watching = async (name: string) => {
      const who = operatorAt(own.port, await tokenFor(own.port, name, 'viewer'))
      const stream = who.watch(job.id)[Symbol.asyncIterator]()
      await stream.next()
      return {
        who,
        over: stream.next().then(
          () => 'went on',
          (thrown: { code: string }) => thrown.code,
        ),
      }
    }
    const alice = await watching('alice')
    const bob = await watching('bob')
    using local = operatorAt(own.port)
    await local.ask('revokeToken', { token: 'alice', approval: '', ...asked() })
    expect(await alice.over).toBe('access.revoked')
    ahead = 2 * 3_600_000
    expect(await bob.over).toBe('access.revoked')
    for (const { who } of [alice, bob]) who[Symbol.dispose]()
    await waitUntil(() => own.coordinator.term !== undefined, { what: 'the coordinator to lead' })
  })
})
