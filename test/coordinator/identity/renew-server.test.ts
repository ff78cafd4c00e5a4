import { X509Certificate } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../../cli/connect.ts'
import {
  type Authority,
  certificatePem,
  certifyServer,
  hostsOf,
  loadMaterial,
  newAuthority,
  publicKeyOf,
  readPrivateKey,
  type Validity,
} from '../../../shared/tls/index.ts'
import { freePort, temporaryFolder, waitUntil } from '../../harness/index.ts'
import { day, type TestPki, testPki } from '../../harness/pki.ts'
import { running } from '../running.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder('renew-server')
})
afterAll(() => folder.remove())

let made = 0
const late = (): Validity => ({ notBefore: Date.now() - 80 * day, notAfter: Date.now() + 10 * day })

/** A PKI whose listener's certificate is as asked. */
async function pkiWith(valid: Validity, by?: Authority): Promise<TestPki & { certificateFile: string }> {
  const pki = await testPki(join(folder.path, `pki${++made}`))
  const { certificate_file: certificateFile = '', key_file: keyFile = '' } = pki.tls
  const key = publicKeyOf(readPrivateKey(await readFile(keyFile, 'utf8'), keyFile))
  const hosts = ['localhost', '127.0.0.1', '::1']
  await writeFile(
    certificateFile,
    certificatePem(await certifyServer(by ?? pki.authority, key, hosts, valid)),
  )
  return { ...pki, certificateFile }
}

function shownBy(port: number): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => {
        const { raw } = socket.getPeerCertificate()
        socket.destroy()
        resolve(new X509Certificate(raw))
      },
    )
    socket.on('error', reject)
  })
}

const inFile = async (path: string) => new X509Certificate(await readFile(path))

test('the listener renews its own certificate while it runs: same key and names, seen by the next connection', async () => {
  const pki = await pkiWith(late())
  const before = await inFile(pki.certificateFile)
  const status = await freePort()
  await using fleet = await running({ insecure_loopback: false, tls: pki.tls, status: { port: status } })
  const after = await waitUntil(
    async () => {
      const shown = await shownBy(fleet.port)
      return shown.serialNumber === before.serialNumber ? undefined : shown
    },
    { what: 'the new certificate' },
  )
  expect(after.validToDate.getTime()).toBeGreaterThan(Date.now() + 300 * day)
  expect(hostsOf(after)).toEqual(hostsOf(before))
  expect(after.publicKey.equals(before.publicKey)).toBe(true)
  expect((await inFile(pki.certificateFile)).serialNumber).toBe(after.serialNumber)
  // it verifies: whoever trusts the CA is served
  const identity = await loadMaterial(await pki.client({ kind: 'operator', name: 'admin' }))
  const operator = connect(`127.0.0.1:${fleet.port}`, { identity })
  await operator.ask('getStatus', {})
  operator.close()
  // nothing to do any more
  expect(await fleet.coordinator.renewTls()).toBe(false)
  await waitUntil(
    async () => {
      const page = await (await fetch(`http://127.0.0.1:${status}/metrics`)).text()
      const end = (kind: string) =>
        Number(
          new RegExp(`^holdfast_certificate_expiry_timestamp_seconds\\{kind="${kind}"\\} (\\S+)$`, 'm').exec(
            page,
          )?.[1],
        )
      return (
        end('server') === after.validToDate.getTime() / 1_000 &&
        end('ca') === pki.authority.certificate.validToDate.getTime() / 1_000
      )
    },
    { what: 'the ends of certificates in the metrics' },
  )
})

test('one that another authority signed is left alone, and so is one with enough time', async () => {
  const other = await newAuthority('Company', Date.now())
  const foreign = await pkiWith(late(), other)
  await writeFile(
    foreign.caFile,
    (await readFile(foreign.caFile, 'utf8')) + certificatePem(other.certificate.raw),
  )
  const fresh = await pkiWith({ notBefore: Date.now() - 30 * day, notAfter: Date.now() + 60 * day })
  for (const pki of [foreign, fresh]) {
    const before = await inFile(pki.certificateFile)
    await using fleet = await running({ insecure_loopback: false, tls: pki.tls })
    expect(await fleet.coordinator.renewTls()).toBe(false)
    expect((await inFile(pki.certificateFile)).serialNumber).toBe(before.serialNumber)
  }
})

test('what cannot be written stays as it is and is tried again; nothing is left beside it', async () => {
  const pki = await pkiWith(late())
  const before = await inFile(pki.certificateFile)
  const inTheWay = `${pki.certificateFile}.new`
  await mkdir(inTheWay)
  await using fleet = await running({ insecure_loopback: false, tls: pki.tls })
  expect(await fleet.coordinator.renewTls()).toBe(false)
  expect((await shownBy(fleet.port)).serialNumber).toBe(before.serialNumber)
  await rm(inTheWay, { recursive: true })
  expect(await fleet.coordinator.renewTls()).toBe(true)
  await expect(readFile(inTheWay)).rejects.toMatchObject({ code: 'ENOENT' })
})
