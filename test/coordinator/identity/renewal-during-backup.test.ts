import { mkdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startAgent } from '../../../agent/agent.ts'
import { agentConfigSchema } from '../../../agent/config.ts'
import { newId } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import {
  certificatePem,
  certify,
  keyIdOf,
  newPrivateKey,
  privateKeyPem,
  publicKeyOf,
} from '../../../shared/tls/index.ts'
import { fakeEngine, fakeTarget } from '../../agent/jobs/fake-engine.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { testPki } from '../../harness/pki.ts'
import { discovered, running } from '../running.ts'

test('a certificate that is renewed while a backup runs changes nothing for the backup', async () => {
  await using folder = await temporaryFolder('renewal')
  const pki = await testPki(join(folder.path, 'pki'))
  const bucket = join(folder.path, 'bucket')
  await mkdir(bucket)
  await using fleet = await running({
    insecure_loopback: false,
    tls: pki.tls,
    destinations: { main: { url: `file://${bucket}` } },
    times: { lease_ttl: '1m' },
  })
  const agentId = newId('agent')
  const key = newPrivateKey()
  // a third of its life is over in some seconds
  const from = Math.trunc(Date.now() / 1_000) * 1_000 - 300_000
  const valid = { notBefore: from, notAfter: from + 3 * 308_000 }
  const certificate = await certify(pki.authority, publicKeyOf(key), { kind: 'agent', agentId }, valid)
  await fleet.store.write('test', tx =>
    tx.identities.putKey({
      keyId: keyIdOf(publicKeyOf(key)),
      agentId,
      hostname: 'db1',
      publicKey: publicKeyOf(key).toString('base64'),
      ...valid,
      certifiedAt: from,
    }),
  )
  const state = join(folder.path, 'state')
  await mkdir(join(state, 'pki'), { recursive: true })
  const own = privateKeyPem(key) + certificatePem(certificate)
  await writeFile(join(state, 'pki/agent.pem'), own, { mode: 0o600 })
  await writeFile(join(state, 'pki/ca.crt'), certificatePem(pki.authority.certificate.raw))

  const gate = Promise.withResolvers<void>()
  const engine = fakeEngine({ onOpenDump: () => gate.promise })
  fleet.source.show([discovered({ nodeName: hostname() })])
  const agent = await startAgent(
    agentConfigSchema.parse({
      coordinator: { address: `127.0.0.1:${fleet.port}`, longest_wait: '200ms' },
      state_dir: state,
      node_name: hostname(),
      codec: 'none',
      status: { port: 0 },
      stop_grace: '2s',
    }),
    silentLog,
    { engineFor: () => engine, targetFor: () => fakeTarget },
  )
  try {
    await waitUntil(() => engine.calls.includes('openDump database'), {
      what: 'the dump to be opened',
      timeout: 40_000,
    })
    await waitUntil(async () => (await fleet.store.read.certifiedKeysOf(agentId)).length === 2, {
      what: 'the renewal',
      timeout: 30_000,
    })
    gate.resolve()
    const backup = await waitUntil(
      async () =>
        (await fleet.store.read.backups({ size: 10 }, {})).items.find(each => each.scope === 'database'),
      { what: 'the backup', timeout: 40_000 },
    )
    expect(engine.calls.filter(each => each === 'openDump database')).toHaveLength(1)
    if (backup.jobId === undefined) throw new Error('a backup of no job')
    const attempts = await fleet.store.read.attempts(backup.jobId)
    expect(attempts).toHaveLength(1)
    // by one of the two keys, and found good when it was recorded
    const keys = await fleet.store.read.certifiedKeysOf(agentId)
    const { items } = await fleet.store.read.audit({ size: 500 }, {})
    const recorded = items.find(each => each.action === 'backup.recorded' && each.subject === backup.id)
    expect(keys.map(({ keyId }) => keyId)).toContain(recorded?.detail['signed_by'])
  } finally {
    gate.resolve()
    await agent.stop()
  }
}, 180_000)
