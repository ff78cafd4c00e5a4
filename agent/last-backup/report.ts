import { z } from 'zod'
import { dataPrefix } from '../../shared/object-store/index.ts'
import { isoOf } from '../../shared/time/index.ts'
import type { AttemptResult } from '../jobs/result.ts'

const time = z.iso.datetime()
const bytes = z.int().nonnegative()

const goodSchema = z.object({
  time,
  /** Server time the data was true: what an RPO is measured by (P1). */
  data_as_of: time,
  duration_seconds: z.number().nonnegative(),
  raw_bytes: bytes,
  stored_bytes: bytes,
  destination: z.string(),
  manifest_key: z.string(),
})

const subjectSchema = z.object({
  /** `<cluster-slug>/<database-slug>` of the bucket's keys: one for each database, whatever it is called. */
  key: z.string(),
  cluster: z.string(),
  /** Empty for what belongs to the whole cluster. */
  database: z.string(),
  /** How the last attempt ended, and when. */
  status: z.enum(['succeeded', 'failed', 'cancelled']),
  time,
  duration_seconds: z.number().nonnegative(),
  /** `committed` only when the manifest was read back; `none` when nothing of the attempt is kept. */
  upload: z.enum(['committed', 'none', 'debris']),
  failure: z.object({ code: z.string(), message: z.string() }).optional(),
  last_good: goodSchema.optional(),
})

/** The report, format v1: fields are added, never changed. */
export const reportSchema = z.object({
  format: z.literal('holdfast.last-backup'),
  version: z.literal(1),
  host: z.string(),
  agent_id: z.string(),
  agent_version: z.string(),
  /** When an attempt last ended here. */
  time,
  /** `failing` as long as the last attempt of any database failed. */
  status: z.enum(['ok', 'failing']),
  databases_backed_up: z.int().nonnegative(),
  databases_failing: z.int().nonnegative(),
  /** Sums over the last good backup of each database. */
  raw_bytes: bytes,
  stored_bytes: bytes,
  databases: z.array(subjectSchema),
})

export type Report = z.infer<typeof reportSchema>
export type ReportedSubject = z.infer<typeof subjectSchema>

/** Who reports. */
export type Reporter = Pick<Report, 'host' | 'agent_id' | 'agent_version'>

/** A database that was not tried for so long has left this host, ms. */
const forgottenAfter = 90 * 86_400_000

/** The report with one more result in it. What is not about a backup changes nothing. */
export function reported(
  before: Report | undefined,
  result: AttemptResult,
  reporter: Reporter,
): Report | undefined {
  const key = keyOf(result)
  if (result.kind !== 'backup' || key === undefined) return before
  const known = before?.databases.find(each => each.key === key)
  const subject = subjectOf(key, result, known)
  const kept = (before?.databases ?? []).filter(
    each => each.key !== key && result.ended_at - Date.parse(each.time) < forgottenAfter,
  )
  const databases = [...kept, subject].sort((a, b) => (a.key < b.key ? -1 : 1))
  const good = databases.flatMap(each => each.last_good ?? [])
  const failing = databases.filter(each => each.status === 'failed').length
  return {
    format: 'holdfast.last-backup',
    version: 1,
    ...reporter,
    time: isoOf(result.ended_at),
    status: failing === 0 ? 'ok' : 'failing',
    databases_backed_up: good.length,
    databases_failing: failing,
    raw_bytes: good.reduce((sum, each) => sum + each.raw_bytes, 0),
    stored_bytes: good.reduce((sum, each) => sum + each.stored_bytes, 0),
    databases,
  }
}

function subjectOf(key: string, result: AttemptResult, known: ReportedSubject | undefined): ReportedSubject {
  const manifest = result.outcome === 'succeeded' ? manifestIn(result) : undefined
  const [clusterSlug = '', databaseSlug = ''] = key.split('/')
  const seconds = Math.max(0, result.ended_at - result.started_at) / 1_000
  const good =
    manifest === undefined
      ? known?.last_good
      : {
          time: isoOf(manifest.committed_at),
          data_as_of: isoOf(manifest.data_as_of),
          duration_seconds: seconds,
          raw_bytes: result.raw_bytes,
          stored_bytes: result.stored_bytes,
          destination: result.destination,
          manifest_key: result.manifest_key ?? '',
        }
  return {
    key,
    // a failure knows only the slugs: a success before it told the true names
    cluster: manifest?.cluster.name ?? known?.cluster ?? readable(clusterSlug),
    database: manifest?.databases[0]?.name ?? known?.database ?? readable(databaseSlug),
    status: result.outcome,
    time: isoOf(result.ended_at),
    duration_seconds: seconds,
    upload: manifest !== undefined ? 'committed' : result.debris.length > 0 ? 'debris' : 'none',
    ...(result.failure === undefined
      ? {}
      : { failure: { code: result.failure.code, message: result.failure.message } }),
    ...(good === undefined ? {} : { last_good: good }),
  }
}

/** As much of the manifest as is told here; the coordinator judges the whole of it. */
const toldSchema = z.object({
  committed_at: z.int(),
  data_as_of: z.int(),
  cluster: z.object({ name: z.string() }),
  databases: z.array(z.object({ name: z.string() })),
})

function manifestIn(result: AttemptResult): z.infer<typeof toldSchema> | undefined {
  if (result.manifest === undefined) return undefined
  try {
    return toldSchema.parse(JSON.parse(Buffer.from(result.manifest, 'base64').toString('utf8')))
  } catch {
    return undefined
  }
}

function keyOf(result: AttemptResult): string | undefined {
  const [cluster, database] = result.attempt_prefix.slice(dataPrefix.length).split('/')
  if (!result.attempt_prefix.startsWith(dataPrefix) || !cluster || !database) return undefined
  return `${cluster}/${database}`
}

/** `orders~1a2b3c4d5e` → `orders`; what belongs to the whole cluster has no `~` and no name. */
function readable(slug: string): string {
  return slug.includes('~') ? slug.slice(0, slug.lastIndexOf('~')) : ''
}
