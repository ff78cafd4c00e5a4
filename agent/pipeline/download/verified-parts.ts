import { createHash } from 'node:crypto'
import { AppError } from '../../../shared/errors/index.ts'
import type { ManifestObject } from '../../../shared/model/manifest.ts'
import { type ObjectKey, objectKey } from '../../../shared/object-store/port.ts'
import { CopySources, type ObjectSource } from './copy-sources.ts'

interface WantedPart {
  readonly key: ObjectKey
  readonly number: number
  readonly start: number
  readonly size: number
  readonly sha256: string
}

/**
 * The parts of a stream in order, each checked against its manifest **before** it is passed on: a restore
 * runs what it reads, as superuser, so nothing unverified may reach it (facts-databases §14). One part is
 * read ahead; memory is at most two parts. With several copies (`CopySources`), a part that one cannot give, or gives
 * other than it was, comes from the next.
 *
 * @throws AppError `backup.incomplete` for a missing object, `backup.corrupt` for other bytes, less or more
 */
export async function* verifiedParts(
  objects: readonly ManifestObject[],
  store: ObjectSource,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const sources = CopySources.of(store)
  const wanted = objects.flatMap(partsOf)
  for (const object of objects) {
    demandSum(object)
    await sources.first(signal, copy => demandSize(object, copy, signal))
  }
  const parts = wanted.filter(part => part.size > 0)
  let ahead: Promise<Buffer> | undefined
  const fetch = (index: number) => {
    const part = parts[index]
    ahead = part && sources.first(signal, copy => fetchPart(part, copy, signal))
    ahead?.catch(() => {}) // looked at when its turn comes
  }
  fetch(0)
  for (let index = 0; index < parts.length; index++) {
    const bytes = await ahead
    fetch(index + 1)
    if (bytes !== undefined) yield bytes
  }
}

function partsOf(object: ManifestObject): readonly WantedPart[] {
  const key = keyOf(object)
  let start = 0
  return object.parts.map((part, index) => {
    const wanted = { key, number: index + 1, start, size: part.size, sha256: part.sha256 }
    start += part.size
    return wanted
  })
}

function keyOf(object: ManifestObject): ObjectKey {
  try {
    return objectKey(object.key)
  } catch (thrown) {
    throw new AppError('manifest.invalid', { context: { key: object.key }, cause: thrown })
  }
}

/** The manifest agrees with itself. */
function demandSum(object: ManifestObject): void {
  const inParts = object.parts.reduce((sum, part) => sum + BigInt(part.size), 0n)
  if (inParts !== BigInt(object.size))
    throw new AppError('manifest.invalid', {
      message: 'the parts of an object do not add up to its size',
      context: { key: object.key, size: object.size, parts_size: String(inParts) },
    })
}

/** The stored object agrees with the manifest. */
async function demandSize(object: ManifestObject, store: ObjectSource, signal: AbortSignal): Promise<void> {
  const stored = await store.head(keyOf(object), signal)
  if (stored === undefined) throw new AppError('backup.incomplete', { context: { key: object.key } })
  const wanted = BigInt(object.size)
  if (BigInt(stored.size) !== wanted)
    throw new AppError('backup.corrupt', {
      message: `a stored object is ${BigInt(stored.size) < wanted ? 'shorter' : 'longer'} than its manifest says`,
      context: { key: object.key, manifest_bytes: object.size, stored_bytes: stored.size },
    })
}

/** Reads a part whole and checks it; other bytes are read once more, since the way may have changed them. */
async function fetchPart(part: WantedPart, store: ObjectSource, signal: AbortSignal): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    const bytes = await readPart(part, store, signal)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (bytes.length === part.size && sha256 === part.sha256) return bytes
    if (attempt === 2)
      throw new AppError('backup.corrupt', {
        context: { key: part.key, part: part.number, expected_sha256: part.sha256, found_sha256: sha256 },
      })
  }
}

async function readPart(part: WantedPart, store: ObjectSource, signal: AbortSignal): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(part.size)
  let filled = 0
  try {
    for await (const chunk of store.read(part.key, {
      start: part.start,
      end: part.start + part.size,
      signal,
    })) {
      if (filled + chunk.length > part.size) return bytes.subarray(0, 0)
      bytes.set(chunk, filled)
      filled += chunk.length
    }
  } catch (thrown) {
    throw readFailure(AppError.from(thrown, 'object-store.failed'), part)
  }
  return bytes.subarray(0, filled)
}

function readFailure(error: AppError, part: WantedPart): AppError {
  const context = { key: part.key, part: part.number }
  if (error.code === 'object-store.not-found')
    return new AppError('backup.incomplete', { context, cause: error })
  if (error.code === 'object-store.corrupt') return new AppError('backup.corrupt', { context, cause: error })
  return error
}
