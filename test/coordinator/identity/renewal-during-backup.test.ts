import { mkdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startAgent } from '../../../agent/agent.ts'
import { agentConfigSchema } from '../../../agent/config.ts'
import { type Clock, newId, systemClock } from '../../../shared/clock/index.ts'
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

/** By how much the agent's clock leaps, ms: less than the renewal sleeps at a time, more than anything else does. */
const leap = 300_000

/** The machine's clock until it leaps; who sleeps for long then wakes. */
function leapingClock(): { readonly clock: Clock; leapAhead(): void } {
  const leapt = Promise.withResolvers<void>()
  let ahead = 0
  return {
    clock: {
      now: () => {
        const { wall, mono } = systemClock.now()
        return { wall: wall + ahead, mono }
      },
      sleep: async (duration, signal) => {
        const slept = systemClock.sleep(duration, signal)
        await (duration < leap / 2 || ahead > 0 ? slept : Promise.race([slept, leapt.promise]))
      },
    },
    leapAhead: () => {
      ahead = leap
      leapt.resolve()
    },
  }
}

test('a certificate that is renewed while a backup runs changes nothing for the backup', async () => {
  await using folder = await temporaryFolder('renewal')
  const pki = await testPki(join(folder.path, 'pki'))
  const bucket = join(folder.path, 'bucket')
  await mkdir(bucket)
  await using fleet = await running({
    insecure_loopback: false,
    tls: pki.tls,
    destinations: { main: { url: `file://${bucket}` } },
    // no clock of them decides anything here, however busy the machine is
    times: { lease_ttl: '1m', accept: '1m', start: '1m', leader_stale: '1m' },
  })
  const agentId = newId('agent')
  const key = newPrivateKey()
  // a third of its life is over when the agent's clock leaps
  const from = Math.trunc(Date.now() / 1_000) * 1_000 - leap
  const valid = { notBefore: from, notAfter: from + 3 * 2 * leap }
  const { clock, leapAhead } = leapingClock()
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
  // that of the globals may come first, and only one dump of a cluster runs at a time
  const engine = fakeEngine({
    onOpenDump: async scope => {
      if (scope === 'database') await gate.promise
    },
  })
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
    { engineFor: () => engine, targetFor: () => fakeTarget, clock },
  )
  try {
    await waitUntil(() => engine.calls.includes('openDump database'), {
      what: 'the dump to be opened',
      timeout: 40_000,
    })
    leapAhead()
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
