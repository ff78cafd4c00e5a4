import { InvalidArgumentError } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import type { AttemptResult } from '../jobs/result.ts'
import { type ManifestPlace, manifestPlace, urlOf } from './manifest-url.ts'
import { destinationOf, type StoreOptions } from './store-options.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Destinations by their URLs, the first one preferred. Several are called by their URLs: that is what people know them by. */
export function destinationsOf(
  urls: readonly string[],
  options: StoreOptions,
  environment: Environment,
): { readonly first: Destination; readonly further: readonly Destination[] } {
  const [first, ...further] = urls.map(url => {
    const destination = destinationOf(url, options, environment)
    return urls.length === 1 ? destination : { ...destination, name: destination.url }
  })
  if (first === undefined) throw new AppError('usage.invalid', { message: 'a destination is missing' })
  return { first, further }
}

/** Where a backup's copies lie, by the URLs of its manifest: one key, several destinations. @throws AppError `usage.invalid` */
export function sourcesOf(
  urls: readonly string[],
  options: StoreOptions,
  environment: Environment,
): { readonly key: string; readonly first: Destination; readonly further: readonly Destination[] } {
  const places: readonly ManifestPlace[] = urls.map(manifestPlace)
  const key = places[0]?.key ?? ''
  if (places.some(place => place.key !== key))
    throw new AppError('usage.invalid', {
      message: '--from names several backups',
      hint: 'Copies of one backup have the same key everywhere; give the URLs of one manifest.',
      context: { keys: places.map(place => place.key) },
    })
  return {
    key,
    ...destinationsOf(
      places.map(place => place.destinationUrl),
      options,
      environment,
    ),
  }
}

/** What each destination got, for people and programs. */
export function copiesShown(
  result: AttemptResult,
  urls: readonly string[],
): readonly {
  readonly destination: string
  readonly state: string
  readonly manifest?: string
  readonly problem?: string
}[] {
  if (result.copies === undefined)
    return urls.map(destination => ({
      destination,
      state: 'present',
      manifest: urlOf(destination, result.manifest_key ?? ''),
    }))
  return result.copies.map(({ destination, state, failure }) => ({
    destination,
    state,
    ...(state === 'present' ? { manifest: urlOf(destination, result.manifest_key ?? '') } : {}),
    ...(failure === undefined ? {} : { problem: `${failure.code}: ${failure.message}` }),
  }))
}

/** `--min-copies`. */
export function copyCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > 16)
    throw new InvalidArgumentError('a number of copies is a number from 1 to 16')
  return count
}
