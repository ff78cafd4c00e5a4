import { AppError } from '../../shared/errors/index.ts'
import type { Census, CensusCounts } from '../../shared/model/census.ts'
import { isEngineKind } from '../../shared/model/engine.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import type { objectKey } from '../../shared/object-store/port.ts'
import type { AttemptRef, VerifySpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { Engine, EngineContext, ThrowawayServer } from '../engines/port.ts'
import type { CopySources } from '../pipeline/download/copy-sources.ts'
import { liesInBackup } from './blame.ts'
import { type Comparison, compareCensus } from './compare-census.ts'
import { destinationFrom } from './destination.ts'
import { openSources } from './open-sources.ts'
import { readCensus } from './read-census.ts'
import { type Recipe, type RecipeOutcome, timeoutOf } from './recipe.ts'
import { fetchManifest, keyFrom, restoreSourceOf, unsealedFor } from './restore.ts'
import { restoreStreams, totals } from './restore-streams.ts'
import { failureOf, type VerifyReport } from './result.ts'
import { makeScratch } from './scratch.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'
import type { VerifyArea } from './verify-area.ts'

type Judged = Extract<RecipeOutcome, { kind: 'judged' }>

/**
 * The recipe of a verification (P5): a server of our own is started, the backup restored into it the way any restore
 * goes, what it holds counted and compared with the census of the dump's own snapshot, and all of it thrown away.
 * Only a reason that lies in the backup becomes a verdict against it; a host that cannot try it fails the attempt
 * and says nothing of the backup.
 *
 * @throws AppError when the Assign itself makes no sense
 */
export function verifyRecipe(spec: VerifySpec, attempt: AttemptRef, world: Surroundings): Recipe {
  const sources = spec.sources.map(destinationFrom)
  const [destination] = sources
  if (destination === undefined || spec.manifestKey === '')
    throw new AppError('link.protocol', { message: 'a verification needs a source and a manifest' })
  if (!isEngineKind(spec.engine)) throw new AppError('engine.unknown', { context: { engine: spec.engine } })
  const engine = world.engineFor(spec.engine)
  const key = keyFrom(spec.manifestKey)
  return {
    kind: 'verify',
    guarded: false,
    ...timeoutOf(spec),
    place: { destination, prefix: '', target: spec.backupId },
    subject: spec.backupId,
    preflight: async () => {
      const area = demandArea(world)
      area.demandTurn()
      await demandServer(engine, spec.serverVersion, area, world)
      await area.demandRoom(spec.rawBytes)
      await world.tools.find(['setpriv'], [], 'path')
      await using opened = await openSources(sources, world)
      void opened
    },
    run: async voice => {
      const area = demandArea(world)
      await using folder = await area.open()
      await using opened = await openSources(sources, world)
      const manifest = await fetchManifest(opened.source, key, spec.manifestSha256, voice.signal)
      await area.demandRoom(Number(manifest.raw_bytes))
      await using scratch = await makeScratch(world.scratch)
      const context: EngineContext = { scratch: scratch.path, tools: world.tools, signal: voice.signal }
      await using unsealed = await unsealedFor(manifest, world, scratch.path, voice)
      const job = {
        ...{ manifest, attempt, engine, world, voice, context },
        identities: unsealed.identities,
        store: opened.source,
      }
      const beganAt = world.clock.now().mono
      voice.progress({ ...totals(manifest), stage: 'starting', rawBytes: 0 })
      const judged = await verified(job, { area, folder: folder.path, beganAt })
      if (judged.failure !== undefined && !(await isThere(opened.source, key, voice.signal)))
        // deleted meanwhile, which is no damage
        throw new AppError('object-store.not-found', { context: { key }, cause: judged.failure })
      return { ...judged, warnings: [...opened.warnings] }
    },
  }
}

interface Verifying {
  readonly manifest: Manifest
  readonly attempt: AttemptRef
  readonly engine: Engine
  readonly world: Surroundings
  readonly voice: AttemptVoice
  readonly context: EngineContext
  readonly identities: readonly string[]
  readonly store: CopySources
}

interface Where {
  readonly area: VerifyArea
  readonly folder: string
  /** Monotonic, ms. */
  readonly beganAt: number
}

/** What became of the restore. */
interface Restored {
  readonly restoreMs: number
  readonly rawBytes: number
  /** Lies in the backup. */
  readonly failure?: AppError
}

async function verified(job: Verifying, where: Where): Promise<Judged> {
  const { manifest, engine, world, voice, context } = job
  const { throwaway } = engine
  if (throwaway === undefined) throw noServer(manifest.engine.kind, manifest.engine.server_version)
  const census = await censusOf(job)
  await using server = await throwaway.start(
    {
      serverVersion: manifest.engine.server_version,
      folder: where.folder,
      requirements: manifest.requirements,
      ...(where.area.user === undefined ? {} : { user: where.area.user }),
    },
    context,
  )
  const source = restoreSourceOf(manifest)
  const restored = await restoredInto(server, job)
  const progress = { ...totals(manifest), rawBytes: restored.rawBytes }
  const outcome = { kind: 'judged', rawBytes: restored.rawBytes, storedBytes: progress.storedBytes } as const
  const report = (judged: Pick<VerifyReport, 'verdict'> & Partial<VerifyReport>): VerifyReport => ({
    restore_ms: restored.restoreMs,
    total_ms: elapsed(world, where.beganAt),
    server_version: server.version,
    tables: 0,
    rows: 0,
    raw_bytes: restored.rawBytes,
    differences: [],
    difference_count: 0,
    ...judged,
  })
  if (restored.failure !== undefined) {
    const failure = failureOf(restored.failure)
    return {
      ...outcome,
      report: report({ verdict: 'unrestorable', failure }),
      failure: unrestorable(restored.failure, manifest),
      warnings: [],
    }
  }
  voice.progress({ ...progress, stage: 'counting' })
  const found = await engine.count?.(server.target, source.databaseName, context)
  voice.signal.throwIfAborted()
  const { differences, count } = compared(census, found)
  const judged = report({
    verdict:
      count > 0 ? 'differs' : census.census === undefined || found === undefined ? 'restored' : 'verified',
    tables: found?.tables.length ?? 0,
    rows: Number((found?.tables ?? []).reduce((sum, { rows }) => sum + BigInt(rows), 0n)),
    differences: [...differences],
    difference_count: count,
  })
  return {
    ...outcome,
    report: judged,
    ...(count === 0 ? {} : { failure: differs(judged, manifest) }),
    warnings: [],
  }
}

/** What a restored database is compared with: nothing where the backup has none, or why it cannot be read any more. */
interface CensusFound {
  readonly census?: Census
  readonly damaged?: AppError
}

async function censusOf({
  manifest,
  identities,
  store,
  context,
  world,
  voice,
}: Verifying): Promise<CensusFound> {
  try {
    const reading = { store, identities, scratch: context.scratch, world, signal: voice.signal }
    const census = await readCensus(manifest, reading)
    return census === undefined ? {} : { census }
  } catch (thrown) {
    const error = AppError.from(thrown)
    // the streams may be as good as ever: they are tried all the same
    if (voice.signal.aborted || !liesInBackup(error, true)) throw error
    return { damaged: error }
  }
}

function compared({ census, damaged }: CensusFound, found: CensusCounts | undefined): Comparison {
  if (damaged !== undefined)
    return { differences: [`the census is damaged: ${damaged.message} (${damaged.code})`], count: 1 }
  if (census === undefined || found === undefined) return { differences: [], count: 0 }
  return compareCensus(census, found)
}

async function restoredInto(server: ThrowawayServer, job: Verifying): Promise<Restored> {
  const { manifest, attempt, engine, world, voice, context, identities, store } = job
  const source = restoreSourceOf(manifest)
  const beganAt = world.clock.now().mono
  let session: Awaited<ReturnType<Engine['openRestore']>>
  try {
    session = await engine.openRestore(server.target, source, source.databaseName, attempt.attemptId, context)
  } catch (thrown) {
    throw notHere(AppError.from(thrown), server)
  }
  let rawBytes = 0
  try {
    rawBytes = await restoreStreams({ session, manifest, identities, store, world, voice })
    voice.progress({ ...totals(manifest), stage: 'finishing', rawBytes })
    await session.prepareCommit()
    const restoreMs = elapsed(world, beganAt)
    await session.commit()
    return { restoreMs, rawBytes }
  } catch (thrown) {
    voice.signal.throwIfAborted()
    const error = AppError.from(thrown, 'restore.failed')
    if (!server.running) throw new AppError('verify.server-failed', { context: error.context, cause: error })
    if (!liesInBackup(error, server.sameLine)) throw notHere(error, server)
    return { restoreMs: elapsed(world, beganAt), rawBytes, failure: error }
  } finally {
    await session
      .close()
      .catch((error: unknown) => world.log.warn('closing the restore session failed', { error }))
  }
}

/** Codes that mean the server lacks something, whatever the backup is like. */
const lackingCodes: ReadonlySet<string> = new Set([
  ...['restore.requirement-missing', 'restore.failed', 'stage.failed', 'database.privilege-missing'],
  ...['database.auth-failed', 'tool.missing', 'tool.too-old'],
])

/** A failure that does not lie in the backup, as one of verifying; what ends everywhere alike stays what it is. */
function notHere(error: AppError, { version }: Pick<ThrowawayServer, 'version'>): AppError {
  const killed = error.code === 'stage.failed' && typeof error.context['status'] !== 'number'
  if (killed || !lackingCodes.has(error.code)) return error
  return new AppError('verify.not-here', {
    message: `the backup cannot be tried on this host: ${error.message}`,
    context: { ...error.context, server_version: version },
    cause: error,
  })
}

function unrestorable(cause: AppError, { backup_id: backupId }: Manifest): AppError {
  return new AppError('verify.unrestorable', {
    message: `the backup cannot be restored: ${cause.message}`,
    context: { ...cause.context, backup_id: backupId, code: cause.code },
    cause,
  })
}

function differs(report: VerifyReport, { backup_id: backupId }: Manifest): AppError {
  return new AppError('verify.differs', {
    context: {
      backup_id: backupId,
      differences: report.differences.slice(0, 5),
      difference_count: report.difference_count,
    },
  })
}

/** @throws AppError `verify.not-configured` */
function demandArea({ verifying }: Surroundings): VerifyArea {
  if (verifying === undefined) throw new AppError('verify.not-configured')
  return verifying
}

async function demandServer(
  engine: Engine,
  serverVersion: string,
  { user }: VerifyArea,
  { tools }: Surroundings,
): Promise<void> {
  const versions = (await engine.throwaway?.versions(tools, user)) ?? []
  if (engine.throwaway?.choose(versions, serverVersion) === undefined)
    throw noServer(engine.kind, serverVersion, versions)
}

function noServer(engine: string, serverVersion: string, versions: readonly string[] = []): AppError {
  return new AppError('verify.no-server', {
    context: { engine, server_version: serverVersion, found: versions.length === 0 ? 'none' : versions },
  })
}

/** Whether the manifest is still where it was; a store that does not answer has not lost it. */
async function isThere(
  store: CopySources,
  key: ReturnType<typeof objectKey>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await store.first(signal, copy => copy.head(key, signal))) !== undefined
  } catch {
    return true
  }
}

function elapsed({ clock }: Pick<Surroundings, 'clock'>, since: number): number {
  return Math.max(0, Math.round(clock.now().mono - since))
}
