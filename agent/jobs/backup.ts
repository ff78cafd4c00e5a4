import { newId } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import type { Compression } from '../../shared/model/compression.ts'
import type { Destination } from '../../shared/model/destination.ts'
import { type Codec, isEngineKind } from '../../shared/model/engine.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import { type AttemptPlace, attemptPrefix, manifestKey } from '../../shared/object-store/keys.ts'
import type { ObjectStore } from '../../shared/object-store/port.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { AttemptRef, BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import {
  checkEncryption,
  keyContext,
  noEncryption,
  openSeal,
  planEncryption,
  type Seal,
} from '../encryption/index.ts'
import type { DumpSession, DumpSubject, EngineContext } from '../engines/port.ts'
import { checkHooks } from '../hooks/run-hook.ts'
import { codecChain, codecTools, narrowCompression } from '../pipeline/index.ts'
import { type StoredCensus, storeCensus } from './census.ts'
import { dumpOptions } from './dump-options.ts'
import { hooksOf } from './hooks-of.ts'
import { sessionOf, streamOf, total } from './manifest-draft.ts'
import { destinationsFrom, type OpenDestinations, openDestinations } from './open-destinations.ts'
import { type Recipe, type RecipeOutcome, timeoutOf } from './recipe.ts'
import { makeScratch } from './scratch.ts'
import { askedStrategy, type StoredStreams, storeStreams } from './store-streams.ts'
import { chooseStrategy } from './strategy.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'
import { transferOf } from './transfer.ts'

/** Tools every backup needs whatever the engine; the engine looks for its own. */
const pipelineTools = ['setpriv', 'pv'] as const

/**
 * The recipe of a backup: open the dump, run its streams (dump-streams.ts), hand everything to
 * the commit protocol. Nothing is completed before every stage of every stream closed with 0 (P2).
 *
 * @param at when the attempt was assigned; names its keys
 * @throws AppError when the Assign itself makes no sense
 */
export function backupRecipe(spec: BackupSpec, attempt: AttemptRef, at: Millis, world: Surroundings): Recipe {
  const request = narrow(spec, world)
  const hooks = hooksOf(spec, attempt)
  const place: AttemptPlace = {
    cluster: spec.clusterName,
    ...(request.subject.scope === 'database' ? { database: request.subject.name } : {}),
    class: request.class,
    at,
    attemptId: attempt.attemptId,
  }
  return {
    kind: 'backup',
    guarded: false,
    place: {
      destination: request.destinations.destination,
      ...(request.destinations.further.length === 0 ? {} : { further: [...request.destinations.further] }),
      prefix: attemptPrefix(place),
    },
    ...timeoutOf(spec),
    ...(hooks === undefined ? {} : { hooks }),
    subject: request.subject.scope === 'database' ? request.subject.name : 'cluster',
    preflight: async () => {
      if (hooks !== undefined)
        checkHooks([...hooks.before, ...hooks.after, ...hooks.onFailure], world.hooks ?? new Map())
      world.targetFor(request.instance, 'backup')
      world.engineFor(request.engine)
      for (const tool of [...pipelineTools, ...codecTools(request.codec)])
        await world.tools.find([tool], [], 'path')
      await checkEncryption(request.encryption, world.tools)
      await transferOf(spec, world)
      await chooseStrategy(
        {
          asked: askedStrategy(spec),
          codec: request.codec,
          predictedRawBytes: request.predicted,
          predictedStoredBytes: spec.predictedStoredBytes,
        },
        world.staging,
        world.log,
      )
      await using opened = await openDestinations(request.destinations, world)
      void opened
    },
    run: voice => run({ spec, request, attempt, at, place, world, voice }),
  }
}

type Request = ReturnType<typeof narrow>

interface Run {
  readonly spec: BackupSpec
  readonly request: Request
  readonly attempt: AttemptRef
  readonly at: Millis
  readonly place: AttemptPlace
  readonly world: Surroundings
  readonly voice: AttemptVoice
}

async function run(job: Run): Promise<RecipeOutcome> {
  const { request, world, voice } = job
  await using opened = await openDestinations(request.destinations, world)
  await opened.store.check(voice.signal)
  await using scratch = await makeScratch(world.scratch)
  const context: EngineContext = { scratch: scratch.path, tools: world.tools, signal: voice.signal }
  const target = world.targetFor(request.instance, 'backup')
  const seal = await sealed(job)
  voice.progress({ stage: 'opening', rawBytes: 0, storedBytes: 0, predictedRawBytes: request.predicted })
  const dump = await world
    .engineFor(request.engine)
    .openDump(target, request.subject, context, request.dumping)
  let closing: Promise<void> | undefined
  const closeDump = () => {
    // the bytes are safe by now, or the attempt has failed for a better reason
    closing ??= dump
      .close()
      .catch((error: unknown) => world.log.warn('closing the dump session failed', { error }))
    return closing
  }
  try {
    const { codec, codecOptions, predicted } = request
    const stored = await storeStreams({
      dump,
      store: opened.store,
      codec,
      codecOptions,
      recipients: seal.recipients,
      predicted,
      place: job.place,
      world,
      voice,
      way: job.spec,
      closeDump,
      census: request.census,
    })
    await closeDump()
    const census = await censusOf(stored, {
      store: opened.store,
      codec,
      codecOptions,
      recipients: seal.recipients,
      place: job.place,
      world,
      voice,
      database: job.place.database ?? '',
      scratch: scratch.path,
    })
    return { kind: 'uploaded', ...committable(seal, dump, stored, census, opened, job) }
  } finally {
    await closeDump()
  }
}

/** What was counted, stored; or why a person should know that it is not. */
async function censusOf(
  { census: { counts, warning } }: StoredStreams,
  job: Parameters<typeof storeCensus>[1],
): Promise<Partial<StoredCensus> & { readonly warning?: string }> {
  if (counts !== undefined) return storeCensus(counts, job)
  return warning === undefined ? {} : { warning }
}

/** Before the dump is opened: a key service that says no must not cost the database anything. */
function sealed({ request, attempt, spec, world, voice }: Run): Promise<Seal> {
  const { subject } = request
  return openSeal(
    request.encryption,
    keyContext({
      cluster: spec.clusterName,
      database: subject.scope === 'database' ? subject.name : undefined,
      attempt: attempt.attemptId,
    }),
    {
      tools: world.tools,
      signal: voice.signal,
      keyService: purpose => {
        if (world.encryption === undefined)
          throw new AppError('internal', { message: 'no key service is wired' })
        return world.encryption.keyService(purpose)
      },
    },
  )
}

function committable(
  seal: Seal,
  dump: DumpSession,
  { outcomes, observed }: StoredStreams,
  census: Awaited<ReturnType<typeof censusOf>>,
  opened: OpenDestinations,
  { spec, request, attempt, at, world }: Run,
): Omit<Extract<RecipeOutcome, { kind: 'uploaded' }>, 'kind'> {
  const streams = dump.streams.flatMap((stream, index) => {
    const outcome = outcomes[index]
    return outcome === undefined
      ? []
      : [streamOf(stream, outcome, codecChain(request.codec, seal.recipients))]
  })
  const { instance, subject } = request
  const copies = opened.copies()
  const objects = [
    ...outcomes.flatMap(outcome => outcome.objects),
    ...(census.object === undefined ? [] : [census.object]),
  ]
  const { warnings = [], ...session } = sessionOf(dump)
  const told = [...warnings, ...(census.warning === undefined ? [] : [census.warning])]
  return {
    uploads: objects.flatMap(object => opened.uploadsOf(object)),
    ...(copies === undefined ? {} : { copies }),
    manifestKey: manifestKey(at, attempt.attemptId),
    draft: {
      format: 'holdfast.backup',
      version: 1,
      backup_id: spec.backupId === '' ? newId('backup') : spec.backupId,
      attempt_id: attempt.attemptId,
      ...(attempt.jobId === '' ? {} : { job_id: attempt.jobId }),
      epoch: attempt.epoch,
      scope: subject.scope,
      kind: 'full',
      requires: [],
      cluster: {
        ...(spec.clusterId === '' ? {} : { id: spec.clusterId }),
        name: spec.clusterName,
        evidence: [...dump.evidence],
      },
      instance: {
        ...(instance.instanceId === '' ? {} : { id: instance.instanceId }),
        host: instance.address,
        port: instance.port,
      },
      databases:
        subject.scope === 'database'
          ? [{ ...(spec.databaseId === '' ? {} : { id: spec.databaseId }), name: subject.name }]
          : [],
      agent: {
        ...(world.host.agentId === undefined ? {} : { id: world.host.agentId }),
        host: world.host.hostname,
        version: world.host.version,
      },
      ...session,
      ...(told.length === 0 ? {} : { warnings: told }),
      ...(census.entry === undefined ? {} : { census: census.entry }),
      started_at: at,
      streams,
      raw_bytes: total(streams.map(each => each.raw_bytes)),
      stored_bytes: total(streams.map(each => each.stored_bytes)),
      encryption: seal.manifest,
      ...(spec.policyName === '' ? {} : { policy: { name: spec.policyName, version: spec.policyVersion } }),
      observed,
      class: request.class,
      signatures: [],
    },
  }
}

/** A store that closes itself. */
export async function openedStore(
  world: Pick<Surroundings, 'openStore'>,
  { destination }: { readonly destination: Destination },
): Promise<AsyncDisposable & { readonly store: ObjectStore }> {
  const store = await world.openStore(destination)
  return { store, [Symbol.asyncDispose]: () => store.close() }
}

const classes: readonly Manifest['class'][] = ['daily', 'weekly', 'monthly', 'yearly', 'manual']

/** A level beside no codec, or beside ours, is one of an older coordinator: it always sent one. */
function compressionOf(spec: BackupSpec, preferred: Codec): Compression {
  if (spec.codec === '' || spec.codec === 'none') return { codec: spec.codec === '' ? preferred : 'none' }
  return narrowCompression({
    codec: spec.codec,
    level: spec.codecLevel,
    long: spec.codecLong,
    threads: spec.codecThreads,
  })
}

function narrow(spec: BackupSpec, world: Pick<Surroundings, 'codec' | 'encryption' | 'idleTimeoutMs'>) {
  const { instance } = spec
  if (instance === undefined || spec.clusterName === '')
    throw new AppError('link.protocol', { message: 'a backup needs an instance and the name of its cluster' })
  if (!isEngineKind(instance.engine))
    throw new AppError('engine.unknown', { context: { engine: instance.engine } })
  if (spec.scope !== 'database' && spec.scope !== 'cluster')
    throw new AppError('link.protocol', {
      message: 'a backup has scope database or cluster',
      context: { scope: spec.scope },
    })
  if (spec.scope === 'database' && spec.databaseName === '')
    throw new AppError('link.protocol', { message: 'a backup of a database needs its name' })
  const { codec, ...codecOptions } = compressionOf(spec, world.codec)
  const encryption = planEncryption(spec.encryption, world.encryption?.settings ?? noEncryption)
  const passwords = spec.scope === 'cluster' && spec.globalsPasswords === true
  if (passwords && encryption.kind === 'none')
    throw new AppError('encryption.required', {
      message: 'globals with password verifiers are only stored encrypted',
      context: { required_by: 'globals_passwords' },
    })
  const subject: DumpSubject =
    spec.scope === 'database'
      ? { scope: 'database', name: spec.databaseName }
      : { scope: 'cluster', ...(passwords ? { passwords } : {}) }
  return {
    instance,
    engine: instance.engine,
    subject,
    codec,
    codecOptions,
    encryption,
    destinations: destinationsFrom(spec),
    // a class of a newer coordinator is only a word in a key: it never stops a backup
    class: classes.find(each => each === spec.backupClass) ?? 'manual',
    predicted: Math.max(0, spec.predictedRawBytes),
    // a word of a newer coordinator counts rows: it costs little, and proves the most
    census: spec.scope === 'database' && spec.census !== 'none',
    dumping: {
      ...dumpOptions(spec, world.idleTimeoutMs),
      ...(spec.scope === 'database' && spec.census !== 'none' ? { census: true } : {}),
    },
  }
}
