import type { Destination, DestinationSettings } from '../model/destination.ts'
import { type S3Profile, type SettingKey, s3Profiles } from './profile.ts'

/** What is wrong with one key of a destination; `text` completes "… must". */
export interface DestinationProblem {
  readonly key: SettingKey | 'profile'
  readonly text: string
}

/** Objects there must be asked back first, for hours; but a manifest is read as soon as it is written. */
const coldClasses = /^(GLACIER|DEEP_ARCHIVE|ARCHIVE|SNOW)$/
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u
const longestLockDays = 36_500

/**
 * What a destination asks for that cannot be: known before the first byte, so that a configuration is refused
 * and not a backup. What nobody knows is let through; the probe of `doctor` finds out.
 */
export function destinationProblems(
  destination: Pick<Destination, 'url' | 'profile' | 'settings'>,
): readonly DestinationProblem[] {
  const { profile, settings = {} } = destination
  const local = destination.url.startsWith('file:')
  if (local !== (profile === 'directory'))
    return [
      {
        key: 'profile',
        text: local ? 'be directory for a file:/// URL' : 'not be directory for an s3:// URL',
      },
    ]
  if (profile === 'directory')
    return keysOf(settings).map(key => ({ key, text: 'not be given for a directory: it has no such thing' }))
  return [...unsupported(s3Profiles[profile], settings), ...malformed(settings)]
}

function keysOf(settings: DestinationSettings): readonly SettingKey[] {
  const given: readonly (readonly [SettingKey, unknown])[] = [
    ['checksum', settings.checksum],
    ['storage_class', settings.storageClass],
    ['encryption', settings.encryption],
    ['kms_key_id', settings.kmsKeyId],
    ['bucket_owner', settings.bucketOwner],
    ['tags', settings.tags],
    ['object_lock', settings.objectLock],
  ]
  return given.filter(([, value]) => value !== undefined).map(([key]) => key)
}

function unsupported(profile: S3Profile, settings: DestinationSettings): DestinationProblem[] {
  const problems: DestinationProblem[] = keysOf(settings).flatMap(key => {
    const why = profile.refuses[key]
    return why === undefined ? [] : [{ key, text: `not be given for ${profile.title}: ${why}` }]
  })
  const { checksum, storageClass, encryption } = settings
  if (checksum !== undefined && !profile.checksums.includes(checksum))
    problems.push({
      key: 'checksum',
      text: `be one ${profile.title} takes: ${profile.checksums.join(', ')}`,
    })
  const classes = profile.storageClasses
  if (storageClass !== undefined && coldClasses.test(storageClass))
    problems.push({
      key: 'storage_class',
      text: 'be a class that can be read at once; let a lifecycle rule move older data to colder ones',
    })
  else if (storageClass !== undefined && classes !== undefined && !classes.includes(storageClass))
    problems.push({ key: 'storage_class', text: `be one ${profile.title} has: ${classes.join(', ')}` })
  const whyNot = encryption === undefined ? undefined : profile.refuses[encryption]
  if (whyNot !== undefined && profile.refuses.encryption === undefined)
    problems.push({ key: 'encryption', text: `not be ${encryption} for ${profile.title}: ${whyNot}` })
  return problems
}

function malformed(settings: DestinationSettings): DestinationProblem[] {
  const problems: DestinationProblem[] = []
  const { storageClass, encryption, kmsKeyId, bucketOwner, tags, objectLock, checksum } = settings
  if (storageClass !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(storageClass))
    problems.push({ key: 'storage_class', text: 'be a name such as STANDARD_IA' })
  if (kmsKeyId !== undefined && encryption !== 'sse-kms')
    problems.push({ key: 'kms_key_id', text: 'be given with `encryption: sse-kms` only' })
  if (kmsKeyId !== undefined && !/^[\x21-\x7e]{1,2048}$/.test(kmsKeyId))
    problems.push({ key: 'kms_key_id', text: 'be a key id, alias or ARN' })
  if (bucketOwner !== undefined && !/^[A-Za-z0-9]{1,64}$/.test(bucketOwner))
    problems.push({ key: 'bucket_owner', text: 'be an account id, 12 digits on AWS' })
  if (tags !== undefined) problems.push(...tagProblems(tags))
  if (objectLock !== undefined) {
    const { days } = objectLock
    if (!Number.isInteger(days) || days < 1 || days > longestLockDays)
      problems.push({ key: 'object_lock', text: `hold between 1 and ${longestLockDays} days` })
    if (checksum === 'none')
      problems.push({
        key: 'checksum',
        text: 'not be none with `object_lock`: a locked bucket takes no body without one',
      })
  }
  return problems
}

/** Limits of S3: ten tags, 128 characters for a name, 256 for a value. */
function tagProblems(tags: NonNullable<DestinationSettings['tags']>): DestinationProblem[] {
  const problem = (text: string): DestinationProblem => ({ key: 'tags', text })
  const names = tags.map(({ name }) => name)
  return [
    ...(tags.length > 10 ? [problem('be ten at most')] : []),
    ...(new Set(names).size < names.length ? [problem('have names of their own')] : []),
    ...(names.some(name => name === '' || name.length > 128 || !tagText.test(name) || /^aws:/i.test(name))
      ? [problem('have names of 1 to 128 letters, digits, spaces and _.:/=+-@, not beginning with aws:')]
      : []),
    ...(tags.some(({ value }) => value.length > 256 || !tagText.test(value))
      ? [problem('have values of at most 256 letters, digits, spaces and _.:/=+-@')]
      : []),
  ]
}
