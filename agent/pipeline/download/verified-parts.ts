import { createHash } from 'node:crypto'
import { AppError } from '../../../shared/errors/index.ts'
import type { ManifestObject } from '../../../shared/model/manifest.ts'
import { type ObjectKey, objectKey } from '../../../shared/object-store/port.ts'
import type { PartBudget, Reservation } from '../part-budget.ts'
import { CopySources, type ObjectSource } from './copy-sources.ts'

interface WantedPart {
  readonly key: ObjectKey
  readonly number: number
  readonly start: number
  readonly size: number
  readonly sha256: string
}

/** As many parts are read ahead at most. */
const mostAhead = 4

/** A part that is being read, and what it holds of the budget beyond the stream's own two. */
interface Ahead {
  readonly bytes: Promise<Buffer>
  readonly extra: Reservation | undefined
}

/**
 * The parts of a stream in order, each checked against its manifest **before** it is passed on: a restore
 * runs what it reads, as superuser, so nothing unverified may reach it (facts-databases §14). One part is
 * read ahead, and up to four at once while half of the budget stays free: a connection to a store that is far away carries
 * less than what waits for it. With several copies (`CopySources`), a part that one cannot give, or gives
 * other than it was, comes from the next.
 *
 * @param budget of whose bytes the caller has reserved two parts; with it a part that was passed on is only lent until the
 *   next one is asked for. Absent: two parts, each the taker's own
 * @throws AppError `backup.incomplete` for a missing object, `backup.corrupt` for other bytes, less or more
 */
export async function* verifiedParts(
  objects: readonly ManifestObject[],
  store: ObjectSource,
  signal: AbortSignal,
  budget?: PartBudget,
): AsyncGenerator<Buffer> {
  const sources = CopySources.of(store)
  const wanted = objects.flatMap(partsOf)
  for (const object of objects) {
    demandSum(object)
    await sources.first(signal, copy => demandSize(object, copy, signal))
  }
  const parts = wanted.filter(part => part.size > 0)
  const ahead: Ahead[] = []
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const begin = (part: WantedPart, extra: Reservation | undefined) => {
    const buffer = budget?.kept(part.size) ?? Buffer.allocUnsafeSlow(part.size)
    const bytes = sources.first(either, copy => fetchPart(part, buffer, copy, either))
    bytes.catch(() => {}) // looked at when its turn comes
    ahead.push({ bytes, extra })
  }
  /** Begins what may be begun: one in any case, more while the budget has them to spare. */
  const readAhead = () => {
    for (let part = parts[0]; part !== undefined && ahead.length < mostAhead; part = parts[0]) {
      const extra = ahead.length === 0 ? undefined : budget?.spare(part.size, Math.floor(budget.total / 2))
      if (ahead.length > 0 && extra === undefined) return
      parts.shift()
      begin(part, extra)
    }
  }
  try {
    readAhead()
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
      try {
        const bytes = await next.bytes
        readAhead()
        yield bytes
        budget?.keep(bytes)
      } finally {
        next.extra?.release()
      }
    }
  } finally {
    stop.abort(new AppError('interrupted'))
    // nothing is released while something may still be written into it
    await Promise.allSettled(ahead.map(({ bytes }) => bytes))
    for (const { extra } of ahead) extra?.release()
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
async function fetchPart(
  part: WantedPart,
  buffer: Buffer,
  store: ObjectSource,
  signal: AbortSignal,
): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    const bytes = await readPart(part, buffer, store, signal)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (bytes.length === part.size && sha256 === part.sha256) return bytes
    if (attempt === 2)
      throw new AppError('backup.corrupt', {
        context: { key: part.key, part: part.number, expected_sha256: part.sha256, found_sha256: sha256 },
      })
  }
}

async function readPart(
  part: WantedPart,
  bytes: Buffer,
  store: ObjectSource,
  signal: AbortSignal,
): Promise<Buffer> {
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
  return filled === part.size ? bytes : bytes.subarray(0, filled)
}

function readFailure(error: AppError, part: WantedPart): AppError {
  const context = { key: part.key, part: part.number }
  if (error.code === 'object-store.not-found')
    return new AppError('backup.incomplete', { context, cause: error })
  if (error.code === 'object-store.corrupt') return new AppError('backup.corrupt', { context, cause: error })
  return error
}
