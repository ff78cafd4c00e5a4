import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../../cli/connect.ts'
import { newId } from '../../../shared/clock/index.ts'
import type { AppError } from '../../../shared/errors/index.ts'
import { loadMaterial, newAuthority } from '../../../shared/tls/index.ts'
import { clientChannel } from '../../../shared/wire/channel.ts'
import { HealthClient } from '../../harness/health-client.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { notYet, over, type Shown, type TestPki, testPki } from '../../harness/pki.ts'
import { type Running, running } from '../running.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let pki: TestPki
let fleet: Running
beforeAll(async () => {
  folder = await temporaryFolder('mtls')
  pki = await testPki(join(folder.path, 'pki'))
  fleet = await running({
    insecure_loopback: false,
    tls: pki.tls,
    operators: { admin: 'admin', vera: 'viewer' },
  })
})
afterAll(async () => {
  await fleet[Symbol.asyncDispose]()
  await folder.remove()
})

const operator = (name: string) => ({ kind: 'operator', name }) as const

async function asking(shown: Shown | { readonly caFile: string }) {
  const coordinator = connect(`127.0.0.1:${fleet.port}`, { identity: await loadMaterial(shown) })
  try {
    await coordinator.ask('getStatus', {})
    return 'answered'
  } catch (thrown) {
    return (thrown as { code: string }).code
  } finally {
    coordinator.close()
  }
}

describe('callers of the mTLS listener', () => {
  test('an operator with a certificate is answered', async () => {
    expect(await asking(await pki.client(operator('admin')))).toBe('answered')
    expect(await asking(await pki.client(operator('vera')))).toBe('answered')
  })

  test('each has the role of its name', async () => {
    const vera = connect(`127.0.0.1:${fleet.port}`, {
      identity: await loadMaterial(await pki.client(operator('vera'))),
    })
    await expect(
      vera.ask('verifyAudit', { withoutAnchors: false, thisIncarnation: false }),
    ).rejects.toMatchObject({ code: 'access.denied' })
    vera.close()
  })

  test.each<readonly [string, () => Promise<Shown | { caFile: string }>]>([
    ['none at all', async () => ({ caFile: pki.caFile })],
    [
      'of another CA',
      async () => pki.client(operator('admin'), undefined, await newAuthority('Other', Date.now())),
    ],
    [
      'of another CA with the same name',
      async () => pki.client(operator('admin'), undefined, await newAuthority(nameOf(pki), Date.now())),
    ],
    ['expired', () => pki.client(operator('admin'), over())],
    ['not yet valid', () => pki.client(operator('admin'), notYet())],
    ['for servers only', () => pki.clientNaming(['holdfast://operator/admin'], 'server')],
    ['naming two', () => pki.clientNaming(['holdfast://operator/admin', 'holdfast://operator/vera'])],
    ['naming nobody', () => pki.clientNaming([])],
    ['naming a form of nobody', () => pki.clientNaming(['spiffe://operator/admin'])],
    ['of an operator without a role', () => pki.client(operator('mallory'))],
  ])('a certificate %s is refused', async (_what, shown) => {
    expect(await asking(await shown())).toBe('access.unauthenticated')
  })

  test('an agent is no operator, an operator no agent', async () => {
    const agent = await pki.client({ kind: 'agent', agentId: newId('agent') })
    expect(await asking(agent)).toBe('access.denied')
  })

  test('plaintext gets no answer', async () => {
    const plain = connect(`127.0.0.1:${fleet.port}`)
    const thrown = await plain.ask('getStatus', {}).catch((error: AppError) => error)
    expect(thrown).toMatchObject({ code: 'coordinator.unreachable' })
    expect((thrown as AppError).toFailure().hint).toContain('--identity')
    plain.close()
  })

  test('health needs no certificate, reflection does', async () => {
    const client = new HealthClient(
      clientChannel({
        address: `127.0.0.1:${fleet.port}`,
        insecureLoopback: false,
        tls: await loadMaterial({ caFile: pki.caFile }),
      }),
    )
    expect(await client.check()).toBe('SERVING')
    expect(await client.reflection()).toBe('UNAUTHENTICATED')
    client.close()
  })
})

describe('the connection', () => {
  test('a coordinator that the client cannot verify is not asked', async () => {
    await using elsewhere = await temporaryFolder('mtls')
    const other = await testPki(elsewhere.path)
    const mine = await pki.client(operator('admin'))
    expect(await asking({ ...mine, caFile: other.caFile })).toBe('coordinator.unreachable')
  })

  test('a coordinator of another name is not asked', async () => {
    // its certificate is for localhost and 127.0.0.1
    const coordinator = connect(`127.0.0.2:${fleet.port}`, {
      identity: await loadMaterial(await pki.client(operator('admin'))),
    })
    await expect(coordinator.ask('getStatus', {})).rejects.toMatchObject({ code: 'coordinator.unreachable' })
    coordinator.close()
  })

  test.each([
    ['TLSv1.3', 'TLSv1.3'],
    ['TLSv1.2', 'refused'],
  ] as const)('%s: %s', async (version, answer) => {
    expect(await handshake(version)).toBe(answer)
  })

  test('the rest of the process may still speak TLS 1.2', async () => {
    const { DEFAULT_MIN_VERSION } = await import('node:tls')
    expect(DEFAULT_MIN_VERSION).toBe('TLSv1.2')
  })
})

describe('changing certificates while it runs', () => {
  test('a half-done replacement changes nothing; a whole one holds for new connections, at TLS 1.3', async () => {
    await using at = await temporaryFolder('mtls')
    const before = await testPki(at.path)
    await using own = await running({ insecure_loopback: false, tls: before.tls })
    const admin = await before.client(operator('admin'))
    const standing = connect(`127.0.0.1:${own.port}`, { identity: await loadMaterial(admin) })
    await standing.ask('getStatus', {})
    const first = await serial(own.port)
    const { readFile, writeFile } = await import('node:fs/promises')
    const next = await testPki(join(at.path, 'next'), before.authority)
    const put = async (key: 'certificate_file' | 'key_file') =>
      writeFile(before.tls[key] ?? '', await readFile(next.tls[key] ?? ''))
    await put('certificate_file')
    await own.coordinator.reloadTls()
    expect(await serial(own.port)).toBe(first)
    await put('key_file')
    await own.coordinator.reloadTls()
    await waitUntil(async () => (await serial(own.port)) !== first, { what: 'the new certificate' })
    expect(await handshake('TLSv1.2', own.port)).toBe('refused')
    // the connection that stands is not touched
    await standing.ask('getStatus', {})
    standing.close()
  })

  test('two CAs are believed while one replaces the other', async () => {
    await using at = await temporaryFolder('mtls')
    const old = await testPki(join(at.path, 'old'))
    const fresh = await testPki(join(at.path, 'fresh'))
    await using own = await running({ insecure_loopback: false, tls: old.tls })
    const ask = async (shown: Shown) => {
      const coordinator = connect(`127.0.0.1:${own.port}`, { identity: await loadMaterial(shown) })
      try {
        return await coordinator.ask('getStatus', {}).then(
          () => 'answered',
          (thrown: { code: string }) => thrown.code,
        )
      } finally {
        coordinator.close()
      }
    }
    const { readFile, writeFile } = await import('node:fs/promises')
    const oldCa = await readFile(old.caFile, 'utf8')
    const freshCa = await readFile(fresh.caFile, 'utf8')
    const byOld = await old.client(operator('admin'))
    const byFresh = { ...(await fresh.client(operator('admin'))), caFile: old.caFile }
    expect(await ask(byFresh)).toBe('access.unauthenticated')
    await writeFile(old.caFile, oldCa + freshCa)
    await own.coordinator.reloadTls()
    expect(await ask(byOld)).toBe('answered')
    expect(await ask(byFresh)).toBe('answered')
    // the listener's own certificate moves to the new CA, then the old CA goes
    for (const key of ['certificate_file', 'key_file'] as const)
      await writeFile(old.tls[key] ?? '', await readFile(fresh.tls[key] ?? ''))
    await own.coordinator.reloadTls()
    expect(await ask(byOld)).toBe('answered')
    await writeFile(old.caFile, freshCa)
    await own.coordinator.reloadTls()
    expect(await ask(byFresh)).toBe('answered')
    expect(await ask(byOld)).toBe('access.unauthenticated')
  })
})

const nameOf = ({ authority }: TestPki) => authority.certificate.subject.replace('CN=', '')

function handshake(version: 'TLSv1.2' | 'TLSv1.3', port = fleet.port): Promise<string> {
  return new Promise(resolve => {
    const socket = tlsConnect(
      {
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        ALPNProtocols: ['h2'],
        minVersion: version,
        maxVersion: version,
      },
      () => {
        resolve(socket.getProtocol() ?? '')
        socket.destroy()
      },
    )
    socket.on('error', () => resolve('refused'))
  })
}

function serial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => {
        resolve(socket.getPeerCertificate().serialNumber)
        socket.destroy()
      },
    )
    socket.on('error', reject)
  })
}
