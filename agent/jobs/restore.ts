import { createHash } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import { type EngineKind, isEngineKind } from '../../shared/model/engine.ts'
import { type Manifest, manifestSchema } from '../../shared/model/manifest.ts'
import { objectKey } from '../../shared/object-store/port.ts'
import type { AttemptRef, RestoreSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { keyContext, type Unsealed, unseal } from '../encryption/index.ts'
import type { EngineContext, RestoreSource } from '../engines/port.ts'
import { CopySources, type ObjectSource } from '../pipeline/download/copy-sources.ts'
import { readWhole } from './commit.ts'
import { destinationFrom } from './destination.ts'
import { openSources } from './open-sources.ts'
import { type Recipe, type RecipeOutcome, timeoutOf } from './recipe.ts'
import { type Restoring, restoreStreams, totals } from './restore-streams.ts'
import { makeScratch } from './scratch.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'

/** The most a manifest may have: a damaged or foreign object must not fill the memory. */
const largestManifest = 256 << 20

/** What a restore may be told beyond the link's spec. */
export interface RestoreOptions {
  readonly ownership?: 'keep' | 'discard'
  readonly onWarning?: (text: string) => void
}

/**
 * The recipe of a restore, guarded (J11): it works on a hidden name under a lock in the target server, asks a
 * Grant, and commits by rename. Every part's hash is checked before its bytes are passed on. Whatever fails,
 * what was half written is dropped.
 */
export function restoreRecipe(
  spec: RestoreSpec,
  attempt: AttemptRef,
  world: Surroundings,
  options: RestoreOptions = {},
): Recipe {
  const { instance } = spec
  if (instance === undefined || spec.into === '' || spec.manifestKey === '')
    throw new AppError('link.protocol', {
      message: 'a restore needs an instance, a manifest and a target name',
    })
  const engineKind = instance.engine
  if (!isEngineKind(engineKind)) throw new AppError('engine.unknown', { context: { engine: engineKind } })
  const sources = [spec.source, ...spec.fallbacks].map(destinationFrom)
  const [destination] = sources
  if (destination === undefined) throw new AppError('destination.invalid')
  const key = keyFrom(spec.manifestKey)
  return {
    kind: 'restore',
    guarded: true,
    ...timeoutOf(spec),
    place: {
      destination,
      prefix: '',
      target: spec.into,
      instance: {
        instance_id: instance.instanceId,
        engine: engineKind,
        service: instance.service,
        address: instance.address,
        port: instance.port,
      },
    },
    subject: spec.into,
    preflight: async () => {
      world.targetFor(instance, 'restore')
      world.engineFor(engineKind)
      await world.tools.find(['setpriv'], [], 'path')
      await using opened = await openSources(sources, world)
      void opened
    },
    run: async voice => {
      await using opened = await openSources(sources, world, options.onWarning)
      const manifest = await fetchManifest(opened.source, key, spec.manifestSha256, voice.signal)
      demandEngine(manifest, engineKind)
      const source = restoreSourceOf(manifest)
      await using scratch = await makeScratch(world.scratch)
      const context: EngineContext = { scratch: scratch.path, tools: world.tools, signal: voice.signal }
      await using unsealed = await unsealedFor(manifest, world, scratch.path, voice)
      const session = await world.engineFor(engineKind).openRestore(
        world.targetFor(instance, 'restore'),
        {
          ...source,
          ...(options.ownership === undefined ? {} : { ownership: options.ownership }),
          ...(spec.streams === undefined || spec.streams < 1 ? {} : { atOnce: spec.streams }),
        },
        spec.into,
        attempt.attemptId,
        context,
      )
      for (const warning of session.warnings) options.onWarning?.(warning)
      // awaited here: store and scratch folder live as long as the work
      const outcome = await restored({
        session,
        manifest,
        identities: unsealed.identities,
        store: opened.source,
        world,
        voice,
      })
      return { ...outcome, warnings: opened.warnings }
    },
  }
}

/**
 * What an engine needs to know of a backup of a database.
 *
 * @throws AppError `request.invalid` for one of a cluster
 */
export function restoreSourceOf(manifest: Manifest): RestoreSource {
  const databaseName = manifest.databases[0]?.name
  if (manifest.scope !== 'database' || databaseName === undefined)
    throw new AppError('request.invalid', {
      message: 'this backup holds the globals of a cluster, which are restored by hand',
      hint: 'Decompress it and read it before you run it with psql; see the runbook.',
      context: { backup_id: manifest.backup_id, scope: manifest.scope },
    })
  return {
    engine: manifest.engine,
    databaseName,
    ...(manifest.settings === undefined ? {} : { settings: manifest.settings }),
    requirements: manifest.requirements,
    streams: manifest.streams.map(({ name, format }) => ({ name, format })),
  }
}

/** What opens the backup, before anything is touched in the target. */
export function unsealedFor(
  manifest: Manifest,
  world: Surroundings,
  scratch: string,
  { signal, keyUsed }: Pick<AttemptVoice, 'signal' | 'keyUsed'>,
): Promise<Unsealed> {
  return unseal(
    manifest.encryption,
    keyContext({
      cluster: manifest.cluster.name,
      database: manifest.scope === 'database' ? manifest.databases[0]?.name : undefined,
      attempt: manifest.attempt_id,
    }),
    {
      tools: world.tools,
      signal,
      scratch,
      identityFiles: world.encryption?.settings.identityFiles ?? [],
      keyService: purpose => {
        if (world.encryption === undefined)
          throw new AppError('internal', { message: 'no key service is wired' })
        return world.encryption.keyService(purpose)
      },
      onKey: async key => keyUsed?.({ ...key, backup_id: manifest.backup_id }),
    },
  )
}

async function restored(job: Restoring): Promise<Extract<RecipeOutcome, { kind: 'done' }>> {
  const { session, manifest, world, voice } = job
  let committed = false
  try {
    const rawBytes = await restoreStreams(job)
    voice.progress({ ...totals(manifest), stage: 'finishing', rawBytes })
    await session.prepareCommit()
    await voice.grant('rename', [])
    voice.signal.throwIfAborted()
    // from here on the target may bear its name already, whatever the reply says: nothing is dropped any more
    committed = true
    voice.committing()
    await session.commit()
    return { kind: 'done', rawBytes, storedBytes: Number(manifest.stored_bytes) }
  } catch (thrown) {
    if (!committed)
      await session.abandon().catch((error: unknown) =>
        world.log.error('a half restored database could not be dropped', {
          target: session.workingName,
          error,
        }),
      )
    throw AppError.from(thrown, 'restore.failed')
  } finally {
    await session
      .close()
      .catch((error: unknown) => world.log.warn('closing the restore session failed', { error }))
  }
}

/**
 * Reads a manifest and checks it: its hash where one is known, its format version, its schema. With several copies
 * the next is asked when one does not have it, or another.
 *
 * @param sha256 hex, or empty when the caller has none
 * @throws AppError `object-store.*`, `backup.corrupt`, `manifest.newer`, `manifest.invalid`
 */
export async function fetchManifest(
  store: ObjectSource,
  key: string,
  sha256: string,
  signal: AbortSignal,
): Promise<Manifest> {
  const bytes = await CopySources.of(store).first(signal, copy => fetchBytes(copy, key, sha256, signal))
  return parseManifest(bytes, key)
}

/**
 * The very bytes of a manifest, its hash checked where one is known.
 *
 * @throws AppError `object-store.*`, `backup.corrupt`, `manifest.invalid` when there are too many
 */
export async function fetchBytes(
  store: ObjectSource,
  key: string,
  sha256: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const info = await store.head(objectKey(key), signal)
  if (info === undefined) throw new AppError('object-store.not-found', { context: { key } })
  if (info.size > largestManifest)
    throw new AppError('manifest.invalid', { context: { key, size_bytes: info.size } })
  const bytes = await readWhole(store, key, signal)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (sha256 !== '' && found !== sha256.toLowerCase())
    throw new AppError('backup.corrupt', {
      message: 'the manifest is not the one that was recorded',
      context: { key, expected_sha256: sha256, found_sha256: found },
    })
  return bytes
}

/** The version is looked at first: a newer format need not fit this schema. */
export function parseManifest(bytes: Buffer, key: string): Manifest {
  let content: unknown
  try {
    content = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new AppError('manifest.invalid', { context: { key, detail: 'not JSON' }, cause })
  }
  const { format, version } = (content ?? {}) as { readonly format?: unknown; readonly version?: unknown }
  if (format !== 'holdfast.backup')
    throw new AppError('manifest.invalid', { context: { key, detail: 'not a manifest of Holdfast' } })
  if (typeof version === 'number' && version > 1)
    throw new AppError('manifest.newer', { context: { key, version, reads_up_to: 1 } })
  const parsed = manifestSchema.safeParse(content)
  if (parsed.success) return parsed.data
  throw new AppError('manifest.invalid', {
    context: {
      key,
      problems: parsed.error.issues.slice(0, 5).map(each => `${each.path.join('.')}: ${each.message}`),
    },
  })
}

function demandEngine(manifest: Manifest, target: EngineKind): void {
  const family = (kind: EngineKind) => (kind === 'postgres' ? 'postgres' : 'mysql')
  if (family(manifest.engine.kind) !== family(target))
    throw new AppError('database.wrong-engine', {
      message: `a backup of ${manifest.engine.kind} cannot be restored into ${target}`,
      hint: 'Choose an instance of the same engine.',
      context: { backup_id: manifest.backup_id },
    })
}

/** @throws AppError `request.invalid` */
export function keyFrom(text: string) {
  try {
    return objectKey(text)
  } catch (cause) {
    throw new AppError('request.invalid', {
      message: 'the key of the manifest is not a key',
      context: { key: text.slice(0, 200) },
      cause,
    })
  }
}
