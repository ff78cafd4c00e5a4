import { createHash } from 'node:crypto'
import { AppError } from '../../shared/errors/index.ts'
import { manifestKey, manifestPrefix } from '../../shared/object-store/keys.ts'
import { type ObjectKey, type ObjectStore, objectKey } from '../../shared/object-store/port.ts'
import type { DeleteSpec, ExpiredBackup } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { openedStore } from './backup.ts'
import { readWhole } from './commit.ts'
import { crashPoint } from './crash-point.ts'
import { destinationFrom } from './destination.ts'
import type { Recipe } from './recipe.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'

/** Keys of one Grant (J11), which is also the most S3 deletes in one call. */
export const batchSize = 1_000

const day = 86_400_000

/**
 * The recipe of a delete, guarded (J11): removes debris and open multiparts of failed attempts, and backups whose
 * time is over. A Grant for each batch; no grant, no delete. Debris that belongs to an attempt that has a manifest is
 * refused: it is a backup, and a coordinator that asks for it is wrong (J7).
 *
 * Of a backup the manifest goes first: from then on it is none (P2), and whatever stops us leaves no manifest that
 * points at nothing. What lies below its prefix goes as debris does, and is looked for again at the end.
 */
export function deleteRecipe(spec: DeleteSpec, world: Surroundings): Recipe {
  const destination = destinationFrom(spec.destination)
  const prefixes = new Map<string, AttemptFolder>()
  for (const prefix of spec.attemptPrefixes) prefixes.set(prefix, attemptFolder(prefix))
  const backups = spec.backups.map(expiredBackup)
  const keys = spec.keys.map(key => ({ key: keyOf(key), folder: attemptFolder(folderOf(key)) }))
  return {
    kind: 'delete',
    guarded: true,
    place: {
      destination,
      prefix: '',
      target: `${spec.keys.length} keys, ${prefixes.size} prefixes, ${backups.length} backups`,
    },
    subject: destination.name,
    preflight: async () => {
      await using opened = await openedStore(world, { destination })
      void opened
    },
    run: async voice => {
      await using opened = await openedStore(world, { destination })
      const removal = { store: opened.store, voice, world }
      const freed = await withoutBackups(backups, removal)
      const done = await removed({ ...removal, folders: [...prefixes.values()], keys })
      return { ...done, storedBytes: done.storedBytes + freed }
    },
  }
}

interface Removal {
  readonly store: ObjectStore
  readonly voice: AttemptVoice
  readonly world: Surroundings
}

interface DebrisRemoval extends Removal {
  readonly folders: readonly AttemptFolder[]
  readonly keys: readonly { readonly key: ObjectKey; readonly folder: AttemptFolder }[]
}

async function removed({
  store,
  folders,
  keys,
  voice,
  world,
}: DebrisRemoval): Promise<{ readonly kind: 'done'; readonly rawBytes: 0; readonly storedBytes: number }> {
  const backups = new Map<string, boolean>()
  const isBackup = async (folder: AttemptFolder): Promise<boolean> => {
    const known = backups.get(folder.attemptId)
    if (known !== undefined) return known
    const found = await hasManifest(store, folder, voice.signal)
    backups.set(folder.attemptId, found)
    return found
  }
  const refused: string[] = []
  const batch = new Batch(store, voice)

  for (const folder of folders) {
    if (await isBackup(folder)) {
      refused.push(folder.prefix)
      continue
    }
    await emptied(folder, batch, { store, voice, world })
  }
  for (const { key, folder } of keys) {
    if (await isBackup(folder)) refused.push(key)
    else await batch.add(key, (await store.head(key, voice.signal))?.size ?? 0)
  }
  await batch.flush()

  if (refused.length > 0)
    throw new AppError('conflict', {
      message: 'what was to be deleted belongs to a backup with a manifest',
      hint: 'Nothing of it was deleted. Compare catalog and bucket: this attempt succeeded after all.',
      context: { refused: refused.slice(0, 20), refused_count: refused.length },
    })
  return { kind: 'done', rawBytes: 0, storedBytes: batch.bytes }
}

/** Everything below a folder goes, uploads that are open too. */
async function emptied(folder: AttemptFolder, batch: Batch, { store, voice, world }: Removal): Promise<void> {
  for await (const { key, size } of store.list(folder.prefix, voice.signal)) await batch.add(key, size)
  await batch.flush()
  for await (const upload of store.listUploads(folder.prefix, voice.signal)) {
    await voice.grant('delete', [upload.key])
    await store.abortUpload(upload, voice.signal)
    voice.uploadClosed(upload.key, upload.uploadId, 'aborted')
    world.log.info('an abandoned upload was aborted', { key: upload.key })
  }
}

/** A backup that is to go: its manifest as recorded, and the folder of its objects. */
interface Expired {
  readonly backupId: string
  readonly manifest: ObjectKey
  readonly sha256: string
  readonly folder: AttemptFolder
}

function expiredBackup(spec: ExpiredBackup): Expired {
  const folder = attemptFolder(spec.attemptPrefix)
  if (!spec.manifestKey.startsWith(manifestPrefix) || !spec.manifestKey.endsWith(`/${folder.attemptId}.json`))
    throw new AppError('request.invalid', {
      message: 'the manifest to be deleted is not the one of the attempt',
      context: { manifest: spec.manifestKey.slice(0, 300), attempt_id: folder.attemptId },
    })
  return {
    backupId: spec.backupId,
    manifest: keyOf(spec.manifestKey),
    sha256: spec.manifestSha256,
    folder,
  }
}

/** Resolves with the bytes that were freed. One that cannot be deleted keeps no other from it. */
async function withoutBackups(backups: readonly Expired[], removal: Removal): Promise<number> {
  const failed: AppError[] = []
  let bytes = 0
  for (const each of backups) {
    try {
      bytes += await withoutBackup(each, removal)
    } catch (thrown) {
      if (removal.voice.signal.aborted) throw thrown
      const error = AppError.from(thrown)
      removal.world.log.warn('a backup could not be deleted', { backup_id: each.backupId, error })
      failed.push(error)
    }
  }
  const [first] = failed
  if (first !== undefined) throw first
  return bytes
}

async function withoutBackup(
  { backupId, manifest, sha256, folder }: Expired,
  removal: Removal,
): Promise<number> {
  const { store, voice } = removal
  const found = await store.head(manifest, voice.signal)
  if (found !== undefined) {
    const bytes = await readWhole(store, manifest, voice.signal)
    if (createHash('sha256').update(bytes).digest('hex') !== sha256)
      throw new AppError('conflict', {
        message: 'another manifest lies where the one of the backup should be',
        hint: 'Nothing of it was deleted. Compare catalog and bucket.',
        context: { backup_id: backupId, manifest },
      })
    await voice.grant('delete', [manifest])
    voice.signal.throwIfAborted()
    await store.delete([manifest], voice.signal)
    crashPoint('after-manifest-deleted')
  }
  if (await hasManifest(store, folder, voice.signal)) throw stillThere(backupId, manifest)
  const batch = new Batch(store, voice)
  await emptied(folder, batch, removal)
  for await (const { key } of store.list(folder.prefix, voice.signal)) throw stillThere(backupId, key)
  return batch.bytes + (found?.size ?? 0)
}

function stillThere(backupId: string, key: string): AppError {
  return new AppError('object-store.failed', {
    message: 'what was deleted is still there',
    hint: 'It is tried again; look whether something else writes into this prefix.',
    context: { backup_id: backupId, key },
  })
}

/** Gathers keys up to a batch, asks, deletes. */
class Batch {
  bytes = 0
  readonly #store: ObjectStore
  readonly #voice: AttemptVoice
  #keys: ObjectKey[] = []
  #pending = 0

  constructor(store: ObjectStore, voice: AttemptVoice) {
    this.#store = store
    this.#voice = voice
  }

  async add(key: ObjectKey, size: number): Promise<void> {
    this.#keys.push(key)
    this.#pending += size
    if (this.#keys.length >= batchSize) await this.flush()
  }

  async flush(): Promise<void> {
    const keys = this.#keys
    if (keys.length === 0) return
    await this.#voice.grant('delete', keys)
    this.#voice.signal.throwIfAborted()
    await this.#store.delete(keys, this.#voice.signal)
    this.bytes += this.#pending
    this.#keys = []
    this.#pending = 0
    this.#voice.progress({ stage: 'deleting', rawBytes: 0, storedBytes: this.bytes, predictedRawBytes: 0 })
  }
}

/** The folder of one attempt: `v1/data/<cluster>/<database>/<YYYY>/<MM>/<DD>/<name>_<attempt>/`. */
interface AttemptFolder {
  readonly prefix: string
  readonly attemptId: string
  readonly day: number
}

const folderShape =
  /^v1\/data\/[^/]+\/[^/]+\/(\d{4})\/(\d{2})\/(\d{2})\/[^/]+_(att_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\/$/

/** Takes a prefix apart; one that is not exactly an attempt's folder is refused: it could hold others' objects. */
function attemptFolder(prefix: string): AttemptFolder {
  const [, year, month, dayOfMonth, attemptId] = folderShape.exec(prefix) ?? []
  if (attemptId === undefined)
    throw new AppError('request.invalid', {
      message: 'only folders of attempts are deleted',
      context: { prefix: prefix.slice(0, 300) },
    })
  return { prefix, attemptId, day: Date.UTC(Number(year), Number(month) - 1, Number(dayOfMonth)) }
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1)
}

function keyOf(text: string): ObjectKey {
  try {
    return objectKey(text)
  } catch (cause) {
    throw new AppError('request.invalid', {
      message: 'not an object key',
      context: { key: text.slice(0, 200) },
      cause,
    })
  }
}

/** Manifest and data of an attempt carry the same day; the days beside it are looked at all the same. */
async function hasManifest(store: ObjectStore, folder: AttemptFolder, signal: AbortSignal): Promise<boolean> {
  for (const at of [folder.day, folder.day - day, folder.day + day])
    if ((await store.head(manifestKey(at, folder.attemptId), signal)) !== undefined) return true
  return false
}
