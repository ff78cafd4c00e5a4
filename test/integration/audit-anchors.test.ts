import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { GetObjectRetentionCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../cli/connect.ts'
import { canonicalJson, seal } from '../../coordinator/audit/index.ts'
import { openStore } from '../../coordinator/store/index.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { openObjectStore } from '../../shared/object-store/index.ts'
import { startTestAgent } from '../agent/link/agent-under-test.ts'
import { running } from '../coordinator/running.ts'
import { requireServers, type S3Server, startS3, temporaryFolder, waitUntil } from '../harness/index.ts'

const servers = await requireServers('anchors of the audit', 's3')
const day = 86_400_000

describe.skipIf(servers.missing)('anchors of the audit in a bucket with Object Lock', () => {
  let s3: S3Server

  beforeAll(async () => {
    s3 = await startS3()
  })
  afterAll(() => s3?.stop())

  /** A coordinator that anchors, its store's file, and a keeper with the bucket's credentials. */
  async function anchoring(every = '100ms') {
    const bucket = await s3.createLockedBucket()
    const folder = await temporaryFolder('anchors')
    const file = join(folder.path, 'store.db')
    const store = await openStore({ url: `sqlite:${file}`, clock: systemClock, log: silentLog })
    const destination = {
      url: `s3://${bucket}/fleet`,
      ...{ endpoint: s3.endpoint, region: s3.region, profile: 'ceph' },
      object_lock: { mode: 'governance', days: 3 },
    }
    const fleet = await running(
      {
        destinations: { main: { url: 'file:///nowhere' }, anchors: destination },
        audit: { anchors: { destination: 'anchors', every } },
      },
      { store },
    )
    const keeper = await startTestAgent(
      { state: join(folder.path, 'keeper'), coordinator: `127.0.0.1:${fleet.port}`, keeper: true },
      {
        openStore: async place =>
          openObjectStore(place, {
            log: silentLog,
            credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
          }),
      },
    )
    await waitUntil(() => keeper.connected, { what: 'the keeper to be welcomed' })
    const operator = connect(`127.0.0.1:${fleet.port}`)
    const keys = async () => {
      const { Versions = [] } = await s3.client().send(new ListObjectVersionsCommand({ Bucket: bucket }))
      return Versions.map(each => each.Key ?? '')
    }
    const act = () =>
      operator.ask('pause', {
        ...{ scope: 'fleet', subject: '', reason: 'so', durationMs: 0 },
        requestId: crypto.randomUUID(),
      })
    const head = async () => (await store.read.audit({ size: 1 }, {})).items[0]?.seq ?? 0
    return {
      ...{ bucket, fleet, keeper, store, operator, keys, act, head },
      anchored: async () => {
        const seq = await head()
        await waitUntil(
          async () => (await keys()).some(key => key.includes(`${String(seq).padStart(12, '0')}-`)),
          {
            what: `row ${seq} to be anchored`,
          },
        )
      },
      tamper: (change: (db: DatabaseSync) => void) => {
        const db = new DatabaseSync(file)
        change(db)
        db.close()
      },
      verify: (asked: { withoutAnchors?: boolean } = {}) =>
        operator.ask('verifyAudit', { withoutAnchors: false, thisIncarnation: false, ...asked }),
      [Symbol.asyncDispose]: async () => {
        operator.close()
        await keeper.stop()
        await fleet[Symbol.asyncDispose]()
        await folder.remove()
      },
    }
  }

  test('the head is there within the period, locked, and the chain fits it', async () => {
    await using it = await anchoring()
    await it.act()
    await it.anchored()
    const keys = await it.keys()
    for (const Key of keys) {
      expect(Key).toMatch(/^fleet\/v1\/anchors\/[^/]+\/[^/]+\/\d{12}-[0-9a-f]{64}\.json$/)
      const { Retention } = await s3.client().send(new GetObjectRetentionCommand({ Bucket: it.bucket, Key }))
      expect(Retention?.Mode).toBe('GOVERNANCE')
      expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + 2 * day)
    }
    // the same head again is the same object: no second version of any
    expect(new Set(keys).size).toBe(keys.length)
    expect(await it.verify()).toMatchObject({
      ...{ intact: true, anchorDestination: 'anchors', anchors: keys.length, anchoredSeq: await it.head() },
    })
  })

  test('at shutdown what happened since the last anchor is anchored', async () => {
    await using it = await anchoring('1h')
    await it.act()
    expect(await it.keys()).toEqual([])
    const seq = await it.head()
    await it.fleet.coordinator.stop()
    expect(await it.keys()).toEqual([expect.stringContaining(`/${String(seq).padStart(12, '0')}-`)])
  })

  test('a chain written anew with its own valid hashes, and one cut off, are found at their row', async () => {
    await using it = await anchoring()
    await it.act()
    await it.anchored()
    const rows = await it.store.read.auditFrom(0, 500)
    const last = rows.at(-1)
    const before = rows.at(-2)
    if (last === undefined || before === undefined) throw new Error('too short a chain')
    // whoever owns the store can make hashes fit
    const forged = seal({ ...last, reason: 'nothing happened' }, before)
    it.tamper(db =>
      db
        .prepare('update audit set reason = ?, detail = ?, hash = ? where seq = ?')
        .run(forged.reason, canonicalJson(forged.detail), forged.hash, forged.seq),
    )
    expect(await it.verify({ withoutAnchors: true })).toMatchObject({ intact: true })
    expect(await it.verify()).toMatchObject({ intact: false, brokenSeq: last.seq, problem: 'changed' })

    it.tamper(db => {
      db.prepare('delete from audit where seq = ?').run(last.seq)
      db.prepare(`update counters set value = ? where name = '~audit'`).run(before.seq)
    })
    expect(await it.verify({ withoutAnchors: true })).toMatchObject({ intact: true, headSeq: before.seq })
    expect(await it.verify()).toMatchObject({
      intact: false,
      ...{ brokenSeq: last.seq, problem: 'removed', detail: expect.stringContaining(`up to ${last.seq}`) },
    })
  })

  test('without a keeper a verification against anchors is no answer, and says so', async () => {
    await using it = await anchoring('1h')
    await it.keeper.stop()
    await expect(it.verify()).rejects.toThrow(/no keeper could be asked/)
    expect(await it.verify({ withoutAnchors: true })).toMatchObject({ intact: true, anchorDestination: '' })
  })
})
