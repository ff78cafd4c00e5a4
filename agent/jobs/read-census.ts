import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import { type Census, censusSchema } from '../../shared/model/census.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import type { ObjectSource } from '../pipeline/download/copy-sources.ts'
import { restoreStream } from '../pipeline/index.ts'
import type { Surroundings } from './surroundings.ts'

/** What reading a census uses. */
export interface ReadCensus {
  readonly store: ObjectSource
  readonly identities: readonly string[]
  readonly scratch: string
  readonly world: Pick<Surroundings, 'tools' | 'budget'>
  readonly signal: AbortSignal
}

/**
 * Reads the census a manifest names, through the same codecs as a stream; undefined when it names none.
 *
 * @throws AppError `backup.*` when it is not what it was, `manifest.invalid` when it is no census, and as `restoreStream`
 */
export async function readCensus(
  { census: entry, attempt_id: attemptId }: Manifest,
  { store, identities, scratch, world, signal }: ReadCensus,
): Promise<Census | undefined> {
  if (entry === undefined) return undefined
  const { key, size, sha256, codecs = [] } = entry
  const file = join(scratch, 'census.json')
  const { path } = await world.tools.find(['tee'], [], 'path')
  await restoreStream({
    objects: [{ key, size, parts: [{ size: Number(size), sha256 }] }],
    codecs,
    identities,
    rawBytes: Number(entry.raw_bytes ?? size),
    consumer: { name: 'tee', program: path, args: [file] },
    store,
    tools: world.tools,
    budget: world.budget,
    signal,
  })
  const invalid = (detail: string) =>
    new AppError('backup.corrupt', { message: 'the census is not one', context: { key, detail } })
  let content: unknown
  try {
    content = JSON.parse(await readFile(file, 'utf8'))
  } catch {
    throw invalid('not JSON')
  }
  const { version } = (content ?? {}) as { readonly version?: unknown }
  if (typeof version === 'number' && version > 1)
    throw new AppError('manifest.newer', { context: { key, version, reads_up_to: 1 } })
  const parsed = censusSchema.safeParse(content)
  if (!parsed.success)
    throw invalid(
      parsed.error.issues
        .slice(0, 3)
        .map(each => `${each.path.join('.')}: ${each.message}`)
        .join('; '),
    )
  if (parsed.data.attempt_id !== attemptId) throw invalid('of another backup')
  return parsed.data
}
