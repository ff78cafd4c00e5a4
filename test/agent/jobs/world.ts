import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Engine } from '../../../agent/engines/port.ts'
import { Journal } from '../../../agent/jobs/journal.ts'
import { Spool } from '../../../agent/jobs/spool.ts'
import type { Surroundings } from '../../../agent/jobs/surroundings.ts'
import { PartBudget } from '../../../agent/pipeline/index.ts'
import { createToolFinder } from '../../../agent/process/index.ts'
import { newId, systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { openDirectoryStore } from '../../../shared/object-store/directory.ts'
import type { ObjectStore } from '../../../shared/object-store/port.ts'
import { destinationToWire } from '../../../shared/wire/destination.ts'
import type {
  AttemptRef,
  BackupSpec,
  DeleteSpec,
  RestoreSpec,
  VerifySpec,
  WatchedInstance,
} from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { fakeEngine, fakeTarget } from './fake-engine.ts'

/** Folders of one test: `state` for the agent, `bucket` for the directory store, `server` for restores. */
export async function folders(root: string): Promise<{ state: string; bucket: string; server: string }> {
  const made = { state: join(root, 'state'), bucket: join(root, 'bucket'), server: join(root, 'server') }
  for (const path of Object.values(made)) await mkdir(path, { recursive: true })
  return made
}

export async function makeWorld(
  places: { readonly state: string; readonly bucket: string },
  overrides: Partial<Surroundings> & { readonly engine?: Engine; readonly store?: () => ObjectStore } = {},
): Promise<Surroundings> {
  const { engine = fakeEngine(), store = () => openDirectoryStore(places.bucket), ...rest } = overrides
  return {
    journal: await Journal.open(places.state, silentLog),
    spool: await Spool.open(places.state, Date.now(), silentLog),
    clock: systemClock,
    log: silentLog,
    tools: createToolFinder(),
    budget: new PartBudget(128 << 20),
    codec: 'none',
    scratch: join(places.state, 'scratch'),
    host: { agentId: 'agt_test', hostname: 'host7', version: '0.1.0' },
    bootId: 'boot',
    engineFor: () => engine,
    targetFor: () => fakeTarget,
    openStore: async () => store(),
    ...rest,
  }
}

export const instance: WatchedInstance = {
  instanceId: 'ins_1',
  engine: 'postgres',
  service: 'orders-db',
  address: '127.0.0.1',
  port: 5432,
  meta: [],
}

export function newAttempt(): AttemptRef {
  return { jobId: newId('job'), attemptId: newId('attempt'), epoch: 1 }
}

export function destination(bucket: string) {
  return destinationToWire({ name: 'main', url: pathToFileURL(bucket).href, profile: 'directory' })
}

export function backupSpec(bucket: string, changes: Partial<BackupSpec> = {}): BackupSpec {
  return {
    instance,
    clusterId: 'cls_1',
    clusterName: 'orders',
    scope: 'database',
    databaseId: 'dbs_1',
    databaseName: 'orders',
    destination: destination(bucket),
    codec: 'none',
    codecLevel: 0,
    policyName: 'gold',
    policyVersion: '1',
    backupClass: 'daily',
    backupId: newId('backup'),
    predictedRawBytes: 0,
    destinations: [],
    minCopies: 0,
    copyPatienceMs: 0,
    strategy: '',
    maxRate: 0,
    idleTimeoutMs: 0,
    predictedStoredBytes: 0,
    ...changes,
  }
}

export function restoreSpec(bucket: string, changes: Partial<RestoreSpec> = {}): RestoreSpec {
  return {
    instance,
    source: destination(bucket),
    manifestKey: '',
    manifestSha256: '',
    into: 'orders_copy',
    backupId: '',
    fallbacks: [],
    ...changes,
  }
}

export function verifySpec(bucket: string, changes: Partial<VerifySpec> = {}): VerifySpec {
  return {
    sources: [destination(bucket)],
    manifestKey: '',
    manifestSha256: '',
    backupId: 'bak_1',
    engine: 'postgres',
    serverVersion: '15.0',
    rawBytes: 0,
    ...changes,
  }
}

export function deleteSpec(bucket: string, changes: Partial<DeleteSpec> = {}): DeleteSpec {
  return { destination: destination(bucket), keys: [], attemptPrefixes: [], backups: [], ...changes }
}

/** Everything in the bucket: objects and open multiparts. */
export async function bucketContent(bucket: string): Promise<{ objects: string[]; uploads: string[] }> {
  const store = openDirectoryStore(bucket)
  const objects: string[] = []
  for await (const { key } of store.list('')) objects.push(key)
  const uploads: string[] = []
  for await (const { key } of store.listUploads('')) uploads.push(key)
  await store.close()
  return { objects, uploads }
}
