import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type LifecycleRule,
} from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import { formatDuration } from '../../time/index.ts'
import type { ProbeCheck } from './finding.ts'
import type { Conclusion } from './notebook.ts'
import type { Probing } from './probing.ts'
import { once } from './s3-session.ts'

const day = 86_400_000

/** How the bucket itself is set up: versions, locks, and the rules that delete by themselves. */
export async function probeBucket(probing: Probing): Promise<void> {
  await ask(probing, 'versioning', () => versioning(probing))
  await ask(probing, 'object-lock', () => objectLock(probing))
  await ask(probing, 'lifecycle', () => lifecycle(probing))
}

/** Agents need not be allowed to ask about the bucket: then it stays unknown, and is no fault. */
async function ask(probing: Probing, check: ProbeCheck, work: () => Promise<Conclusion>): Promise<void> {
  await probing.book.check(check, async () => {
    try {
      return await work()
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (error.code === 'object-store.denied')
        return ['unknown', 'note', 'these credentials may not ask; look with the bucket owner’s']
      if (error.code === 'object-store.unsupported')
        return ['no', 'note', 'the store does not know this question']
      throw error
    }
  })
}

async function versioning({ requests, signal }: Probing): Promise<Conclusion> {
  const found = await requests.send('get-versioning', undefined, signal, { policy: once }, abort =>
    requests.client.send(new GetBucketVersioningCommand(requests.bucketPlace()), abort),
  )
  return found.Status === 'Enabled'
    ? [
        'yes',
        'note',
        'versions are kept: what is deleted stays, and costs, until a rule expires old versions',
      ]
    : ['no', 'ok', 'no versions are kept: what is deleted is gone']
}

async function objectLock({ requests, signal }: Probing): Promise<Conclusion> {
  const wanted = requests.settings.objectLock
  const none = (why: string): Conclusion =>
    wanted === undefined
      ? ['no', 'ok', why]
      : ['no', 'problem', `${why}, and this destination asks for ${wanted.mode}, ${wanted.days} days`]
  try {
    const { ObjectLockConfiguration: found } = await requests.send(
      ...(['get-object-lock', undefined, signal, { policy: once }] as const),
      abort => requests.client.send(new GetObjectLockConfigurationCommand(requests.bucketPlace()), abort),
    )
    if (found?.ObjectLockEnabled !== 'Enabled') return none('the bucket has no Object Lock')
    const retention = found.Rule?.DefaultRetention
    if (retention === undefined)
      return wanted === undefined
        ? ['yes', 'ok', 'Object Lock is on, without a default; this destination asks for none']
        : ['yes', 'ok', `Object Lock is on; backups are locked for ${wanted.days} days after their commit`]
    const length = retention.Days === undefined ? `${retention.Years} years` : `${retention.Days} days`
    return [
      'yes',
      'warning',
      `the bucket locks every object at once for ${length}: what failed attempts leave cannot be deleted for as long`,
    ]
  } catch (thrown) {
    const error = AppError.from(thrown)
    const code = String(error.context['s3_code'] ?? '')
    if (
      /ObjectLockConfigurationNotFound|NoSuchObjectLockConfiguration/.test(code) ||
      error.code === 'object-store.not-found'
    )
      return none('the bucket has no Object Lock')
    if (error.code === 'object-store.unsupported' && wanted !== undefined)
      return none('the store has no Object Lock')
    throw error
  }
}

async function lifecycle({ requests, signal, longestDumpMs }: Probing): Promise<Conclusion> {
  let rules: readonly LifecycleRule[]
  try {
    const found = await requests.send('get-lifecycle', undefined, signal, { policy: once }, abort =>
      requests.client.send(new GetBucketLifecycleConfigurationCommand(requests.bucketPlace()), abort),
    )
    rules = (found.Rules ?? []).filter(
      rule => rule.Status === 'Enabled' && covers(rule, `${requests.base}v1/data/`),
    )
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (
      error.context['s3_code'] !== 'NoSuchLifecycleConfiguration' &&
      error.code !== 'object-store.not-found'
    )
      throw error
    rules = []
  }
  const expires = rules.flatMap(rule => (rule.Expiration?.Days === undefined ? [] : [rule.Expiration.Days]))
  if (expires.length > 0)
    return [
      'yes',
      'warning',
      `a rule deletes data after ${inDays(Math.min(...expires))}, whatever retention says: backups vanish from under their manifests`,
    ]
  const aborts = rules.flatMap(rule => {
    const days = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation
    return days === undefined ? [] : [days]
  })
  if (aborts.length === 0)
    return [
      'no',
      'warning',
      'no rule aborts incomplete uploads: add AbortIncompleteMultipartUpload after 7 days, the net under lost hosts',
    ]
  const days = Math.min(...aborts)
  return days * day < longestDumpMs
    ? [
        'yes',
        'problem',
        `uploads are aborted after ${inDays(days)}: that ends a dump of ${formatDuration(longestDumpMs)} while it runs`,
      ]
    : ['yes', 'ok', `incomplete uploads are aborted after ${inDays(days)}`]
}

function inDays(days: number): string {
  return days === 1 ? '1 day' : `${days} days`
}

/** A rule with tags or sizes in its filter is for other objects than all of ours. */
function covers(rule: LifecycleRule, data: string): boolean {
  const { Filter } = rule
  if (Filter?.Tag !== undefined || Filter?.And !== undefined) return false
  const prefix = Filter?.Prefix ?? rule.Prefix ?? ''
  return data.startsWith(prefix) || prefix.startsWith(data)
}
