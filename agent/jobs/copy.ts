import { createHash } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import type { Manifest, ManifestObject } from '../../shared/model/manifest.ts'
import type { ObjectStore } from '../../shared/object-store/port.ts'
import { objectKey } from '../../shared/object-store/port.ts'
import type { CopySpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { CopySources } from '../pipeline/download/copy-sources.ts'
import { verifiedParts } from '../pipeline/download/verified-parts.ts'
import { openedStore } from './backup.ts'
import { readWhole } from './commit.ts'
import { copyCuts } from './copy-cuts.ts'
import { destinationFrom } from './destination.ts'
import { lockBackup } from './lock-backup.ts'
import { openSources } from './open-sources.ts'
import { type Recipe, type RecipeOutcome, timeoutOf } from './recipe.ts'
import { fetchBytes, parseManifest } from './restore.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'

/** How long the abort of one upload may take on a failure path, ms. */
const abortTimeoutMs = 30_000

/**
 * The recipe of a copy: makes the copy of a backup that one destination lacks, under the same keys. Data objects
 * first, the manifest last and read back (P2), so that done again it only goes on: a manifest of the same bytes
 * and objects that are whole stay. Inside one S3 service the service copies; else every part passes through here,
 * its SHA-256 checked. What an earlier attempt left open under the backup's folder is aborted first: a
 * destination without the backup's manifest has nobody else who could own it.
 */
export function copyRecipe(spec: CopySpec, world: Surroundings): Recipe {
  const target = destinationFrom(spec.target)
  const sources = spec.sources.map(destinationFrom)
  if (sources.length === 0 || spec.manifestKey === '' || spec.manifestSha256 === '')
    throw new AppError('link.protocol', {
      message: 'a copy needs a source, and the key and hash of its manifest',
    })
  if (sources.some(each => each.url === target.url))
    throw new AppError('link.protocol', { message: 'a copy into its own source' })
  const subject = `${spec.backupId} to ${target.name}`
  return {
    kind: 'copy',
    guarded: false,
    // no prefix: what lies there may be a whole backup, never to be taken back with an attempt
    place: { destination: target, prefix: '', target: subject },
    subject,
    ...timeoutOf(spec),
    preflight: async () => {
      await using from = await openSources(sources, world)
      await using to = await openedStore(world, { destination: target })
      void from
      void to
    },
    run: async voice => {
      await using from = await openSources(sources, world)
      await using to = await openedStore(world, { destination: target })
      const outcome = await copied({
        spec,
        source: from.source,
        target: to.store,
        name: target.name,
        world,
        voice,
      })
      const warning = await lockCopy(target, outcome, to.store, world, voice)
      return { ...outcome, warnings: [...from.warnings, ...(warning === undefined ? [] : [warning])] }
    },
  }
}

interface Copying {
  readonly spec: CopySpec
  readonly source: CopySources
  readonly target: ObjectStore
  /** Name of the target. */
  readonly name: string
  readonly world: Surroundings
  readonly voice: AttemptVoice
}

async function copied(job: Copying): Promise<Extract<RecipeOutcome, { kind: 'done' }>> {
  const { spec, source, target, name, world, voice } = job
  const { signal } = voice
  const key = objectKey(spec.manifestKey)
  const bytes = await source.first(signal, copy => fetchBytes(copy, key, spec.manifestSha256, signal))
  const manifest = parseManifest(bytes, key)
  await target.check(signal)
  if ((await target.head(key, signal)) !== undefined && !(await readWhole(target, key, signal)).equals(bytes))
    throw new AppError('copy.conflict', { context: { key, destination: name } })
  const objects = objectsOf(manifest)
  for (const folder of new Set(objects.map(each => each.key.slice(0, each.key.lastIndexOf('/') + 1))))
    for await (const upload of target.listUploads(folder, signal)) await target.abortUpload(upload, signal)
  let stored = 0
  const progress = (more: number): void => {
    stored += more
    voice.progress({
      stage: 'copying',
      rawBytes: 0,
      storedBytes: stored,
      predictedRawBytes: Number(manifest.raw_bytes),
      work: { done: stored, of: Number(manifest.stored_bytes) },
    })
  }
  for (const object of objects) await copyObject(object, job, progress)
  // the same bytes as everywhere; equal ones that lie there already are ours
  await target.put(key, bytes, { ifAbsent: true, contentType: 'application/json', signal })
  const found = await readWhole(target, key, signal)
  if (!found.equals(bytes))
    throw new AppError('object-store.corrupt', {
      message: 'the manifest read back differs from what was stored',
      context: { key, destination: name },
    })
  return {
    kind: 'done',
    rawBytes: 0,
    storedBytes: stored,
    manifest: { key, bytes: found },
    copies: [{ destination: name, state: 'present', verified_at: world.clock.now().wall, debris: [] }],
  }
}

/** A copy is kept as its own destination says, counted from the backup's commit. */
async function lockCopy(
  target: Destination,
  outcome: Extract<RecipeOutcome, { kind: 'done' }>,
  store: ObjectStore,
  world: Surroundings,
  voice: AttemptVoice,
): Promise<string | undefined> {
  if (outcome.manifest === undefined) return undefined
  const { key, bytes } = outcome.manifest
  const manifest = parseManifest(Buffer.from(bytes), key)
  const keys = [...objectsOf(manifest).map(object => object.key), key]
  return lockBackup(target, { keys, committedAt: manifest.committed_at }, store, world, voice.signal)
}

/** Everything a manifest names, the census too. */
function objectsOf({ streams, census }: Manifest): readonly ManifestObject[] {
  const objects = streams.flatMap(stream => stream.objects)
  if (census === undefined) return objects
  const { key, size, sha256 } = census
  return [...objects, { key, size, parts: [{ size: Number(size), sha256 }] }]
}

async function copyObject(
  object: ManifestObject,
  job: Copying,
  progress: (bytes: number) => void,
): Promise<void> {
  const size = Number(object.size)
  const { target, voice } = job
  if ((await copiedByService(object, job)) || (await isWhole(object, target, voice.signal))) progress(size)
  else await streamObject(object, job, progress)
}

/** Lets the S3 service make the copy, where source and target are of one; false when it cannot or will not. */
async function copiedByService(
  object: ManifestObject,
  { source, target, world, voice }: Copying,
): Promise<boolean> {
  const { signal } = voice
  const key = objectKey(object.key)
  const service = target.copySource?.(key).service
  if (service === undefined || Number(object.size) === 0) return false
  const sizes = copyCuts(object, target.capabilities).map(({ size }) => size)
  for (const { store } of source.copies) {
    const from = store.copySource?.(key)
    if (from?.service !== service) continue
    try {
      await target.copyObject?.(key, from, sizes, signal)
      return target.copyObject !== undefined
    } catch (thrown) {
      if (signal.aborted) throw thrown
      world.log.warn('the service would not copy by itself; the bytes pass through here', {
        key,
        error: thrown,
      })
    }
  }
  return false
}

/** Whether an object lies there already, every part of it as it should be. */
async function isWhole(object: ManifestObject, target: ObjectStore, signal: AbortSignal): Promise<boolean> {
  if ((await target.head(objectKey(object.key), signal))?.size !== Number(object.size)) return false
  try {
    for await (const part of verifiedParts([object], target, signal)) void part
    return true
  } catch (thrown) {
    if (signal.aborted) throw thrown
    return false
  }
}

async function streamObject(
  object: ManifestObject,
  { source, target, world, voice }: Copying,
  progress: (bytes: number) => void,
): Promise<void> {
  const { signal } = voice
  const cuts = copyCuts(object, target.capabilities)
  const largest = cuts.reduce((most, cut) => Math.max(most, cut.size), 0)
  // a cut being gathered, and a part read ahead
  const reservation = await world.budget.reserve(2 * largest, signal)
  try {
    const upload = await target.createUpload(objectKey(object.key), signal)
    try {
      const receipts = []
      const parts = verifiedParts([object], source, signal)
      for (const [index, cut] of cuts.entries()) {
        const gathered: Buffer[] = []
        for (let count = 0; count < cut.parts && cut.size > 0; count++) {
          const part = await parts.next()
          if (part.done !== true) gathered.push(part.value)
        }
        const [only = Buffer.alloc(0), ...more] = gathered
        const bytes = more.length === 0 ? only : Buffer.concat(gathered)
        await world.share?.take(bytes.length, signal)
        await world.throttle?.take(bytes.length, signal)
        const sha256 = createHash('sha256').update(bytes).digest('hex')
        receipts.push(await target.uploadPart(upload, index + 1, bytes, sha256, signal))
        progress(bytes.length)
      }
      await target.completeUpload(upload, receipts, signal)
    } catch (thrown) {
      await target
        .abortUpload(upload, AbortSignal.timeout(abortTimeoutMs))
        .catch((error: unknown) =>
          world.log.warn('a failed copy left an upload open', { key: upload.key, error }),
        )
      throw thrown
    }
  } finally {
    reservation.release()
  }
}
