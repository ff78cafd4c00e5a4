import { createHash } from 'node:crypto'
import type { StreamCodec } from '../model/engine.ts'
import type { Millis } from '../time/index.ts'
import { type ObjectKey, objectKey } from './port.ts'

/** Class of a backup at birth: part of the key for people's eyes, never read back (architecture §6). */
export type BackupClass = 'daily' | 'weekly' | 'monthly' | 'yearly' | 'manual'

/** What the keys of an attempt are made of. */
export interface AttemptPlace {
  /** True name of the cluster. */
  readonly cluster: string
  /** True name of the database; absent for what belongs to the whole cluster. */
  readonly database?: string
  /** When the attempt began, milliseconds UTC. */
  readonly at: Millis
  readonly class: BackupClass
  /** `att_…`. */
  readonly attemptId: string
}

/** Stands where a database's slug would: it has no `~`, which every slug has, so no database can collide. */
const clusterScopeSlug = 'globals'

/** All manifests lie below it, so that a rebuild lists only them. */
export const manifestPrefix = 'v1/manifests/'
/** Heads of the audit chain lie below it, and nothing else is written there. */
export const anchorPrefix = 'v1/anchors/'
/** All data lie below it. */
export const dataPrefix = 'v1/data/'

/**
 * The name of a cluster or database as keys have it: `[a-z0-9-]{1,40}` of the name, `~`, 10 hex of the
 * SHA-256 of the true name. True names stand in the manifest only: percent-encoded they pass S3's 1,024
 * bytes, and a `%` in a key breaks restoring by hand (facts-databases §12).
 */
export function slug(name: string): string {
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40)
    .replace(/-+$/, '')
  const hash = createHash('sha256').update(name, 'utf8').digest('hex').slice(0, 10)
  return `${readable === '' ? 'x' : readable}~${hash}`
}

/**
 * Prefix of all data keys of an attempt, ending in `<attempt>/`: what a roll-back or a keeper lists.
 * `v1/data/<cluster-slug>/<database-slug>/YYYY/MM/DD/<database-slug>_<class>_YYYYMMDD_HHMMSSZ_<attempt>/`
 */
export function attemptPrefix(place: AttemptPlace): string {
  const database = place.database === undefined ? clusterScopeSlug : slug(place.database)
  const { year, month, day, time } = utc(place.at)
  const folder = `${database}_${place.class}_${year}${month}${day}_${time}Z_${place.attemptId}`
  return `${dataPrefix}${slug(place.cluster)}/${database}/${year}/${month}/${day}/${folder}/`
}

/** Key of one object of an attempt. */
export function dataKey(place: AttemptPlace & { readonly objectName: string }): ObjectKey {
  return objectKey(attemptPrefix(place) + place.objectName)
}

/** Key of an attempt's manifest, the last object written. */
export function manifestKey(at: Millis, attemptId: string): ObjectKey {
  const { year, month, day } = utc(at)
  return objectKey(`${manifestPrefix}${year}/${month}/${day}/${attemptId}.json`)
}

/** Suffix of each codec, as its standard tool has it. */
const codecSuffix: Readonly<Record<StreamCodec, string>> = {
  zstd: '.zst',
  gzip: '.gz',
  xz: '.xz',
  bzip2: '.bz2',
  none: '',
  age: '.age',
}

/**
 * Name of a stream's object: `000-full.pgdump.zst`, and when it rolled `000-full.pgdump.zst.0001` and so
 * on. Name order is byte order, so by hand `cat 000-full.pgdump.zst*` joins them before `zstd -d`; encrypted ones end in `.zst.age`.
 *
 * @param index 0 for the first object of the stream
 */
export function objectName(
  stream: { readonly name: string; readonly format: 'pgdump' | 'sql' | 'json' },
  codecs: readonly StreamCodec[],
  index: number,
): string {
  if (index > 9999) throw new RangeError('a stream of more than 10,000 objects')
  const rolled = index === 0 ? '' : `.${String(index).padStart(4, '0')}`
  return `${stream.name}.${stream.format}${codecs.map(codec => codecSuffix[codec]).join('')}${rolled}`
}

function utc(at: Millis): { year: string; month: string; day: string; time: string } {
  const iso = new Date(at).toISOString()
  return {
    year: iso.slice(0, 4),
    month: iso.slice(5, 7),
    day: iso.slice(8, 10),
    time: iso.slice(11, 19).replaceAll(':', ''),
  }
}
