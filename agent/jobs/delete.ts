import { AppError } from '../../shared/errors/index.ts'
import { manifestKey } from '../../shared/object-store/keys.ts'
import { type ObjectKey, type ObjectStore, objectKey } from '../../shared/object-store/port.ts'
import type { DeleteSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { openedStore } from './backup.ts'
import { destinationFrom } from './destination.ts'
import type { Recipe, RecipeOutcome } from './recipe.ts'
import type { AttemptVoice, Surroundings } from './surroundings.ts'

/** Keys of one Grant (J11), which is also the most S3 deletes in one call. */
export const batchSize = 1_000

const day = 86_400_000

/**
 * The recipe of a delete, guarded (J11): removes debris and open multiparts of failed attempts. A Grant for
 * each batch; no grant, no delete. Whatever belongs to an attempt that has a manifest is refused: it is a
 * backup, and a coordinator that asks for it is wrong (J7).
 */
export function deleteRecipe(spec: DeleteSpec, world: Surroundings): Recipe {
  const destination = destinationFrom(spec.destination)
  const prefixes = new Map<string, AttemptFolder>()
  for (const prefix of spec.attemptPrefixes) prefixes.set(prefix, attemptFolder(prefix))
  const keys = spec.keys.map(key => ({ key: keyOf(key), folder: attemptFolder(folderOf(key)) }))
  return {
    kind: 'delete',
    guarded: true,
    place: { destination, prefix: '', target: `${spec.keys.length} keys, ${prefixes.size} prefixes` },
    subject: destination.name,
    preflight: async () => {
      await using opened = await openedStore(world, { destination })
      void opened
    },
    run: async voice => {
      await using opened = await openedStore(world, { destination })
      return await removed({ store: opened.store, folders: [...prefixes.values()], keys, voice, world })
    },
  }
}

interface Removal {
  readonly store: ObjectStore
  readonly folders: readonly AttemptFolder[]
  readonly keys: readonly { readonly key: ObjectKey; readonly folder: AttemptFolder }[]
  readonly voice: AttemptVoice
  readonly world: Surroundings
}

async function removed({ store, folders, keys, voice, world }: Removal): Promise<RecipeOutcome> {
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
    for await (const { key, size } of store.list(folder.prefix, voice.signal)) await batch.add(key, size)
    await batch.flush()
    for await (const upload of store.listUploads(folder.prefix, voice.signal)) {
      await voice.grant('delete', [upload.key])
      await store.abortUpload(upload, voice.signal)
      voice.uploadClosed(upload.key, upload.uploadId, 'aborted')
      world.log.info('an abandoned upload was aborted', { key: upload.key })
    }
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
