import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type ChecksumMode,
  checksumModes,
  type Destination,
  type DestinationProfile,
  type DestinationSettings,
  destinationProfiles,
  type LockMode,
  lockModes,
  type StoreEncryption,
  storeEncryptions,
} from '../../shared/model/destination.ts'
import { parseDestination } from '../../shared/object-store/index.ts'

/** What a command may say of the store it is to use. */
export interface StoreOptions {
  readonly endpoint?: string
  readonly region?: string
  readonly storeProfile?: DestinationProfile
  readonly checksum?: ChecksumMode
  readonly storageClass?: string
  readonly encryption?: StoreEncryption
  readonly kmsKeyId?: string
  readonly bucketOwner?: string
  readonly tag?: readonly Tag[]
  readonly objectLock?: { readonly mode: LockMode; readonly days: number }
}
interface Tag {
  readonly name: string
  readonly value: string
}

const s3Kinds = destinationProfiles.filter(profile => profile !== 'directory')

/** Adds them to a command. */
export function withStoreOptions(command: Command): Command {
  return command
    .option('--endpoint <url>', 'S3 endpoint of a store other than AWS (AWS_ENDPOINT_URL_S3)')
    .option('--region <region>', 'region of the bucket (AWS_REGION)')
    .addOption(
      new Option('--store-profile <profile>', 'kind of S3 store (default by endpoint)').choices(s3Kinds),
    )
    .addOption(
      new Option('--checksum <kind>', 'checksum sent with every body (default by profile)').choices(
        checksumModes,
      ),
    )
    .option('--storage-class <class>', 'storage class of data')
    .addOption(new Option('--encryption <kind>', 'encryption by the store').choices(storeEncryptions))
    .option('--kms-key-id <id>', 'key of --encryption sse-kms')
    .option('--bucket-owner <account>', 'account the bucket must belong to')
    .option('--tag <name=value>', 'tag of every object; may be given again', tag)
    .option('--object-lock <mode:days>', 'lock after the commit, such as compliance:30', objectLock)
}

/** The destination the options name. @throws AppError `destination.invalid` */
export function destinationOf(
  url: string,
  options: StoreOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Destination {
  const location = parseDestination(url)
  const endpoint = options.endpoint ?? environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL']
  const foreign = endpoint !== undefined && endpoint !== '' && !/\.amazonaws\.com(\.cn)?[/:]?/.test(endpoint)
  const settings = settingsOf(options)
  return {
    name: 'standalone',
    url,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.region === undefined ? {} : { region: options.region }),
    profile:
      location.kind === 'directory' ? 'directory' : (options.storeProfile ?? (foreign ? 'generic' : 'aws')),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  }
}

function settingsOf(options: StoreOptions): DestinationSettings {
  const { checksum, storageClass, encryption, kmsKeyId, bucketOwner, objectLock: lock } = options
  return {
    ...(checksum === undefined ? {} : { checksum }),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(encryption === undefined ? {} : { encryption }),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    ...(bucketOwner === undefined ? {} : { bucketOwner }),
    ...(options.tag === undefined ? {} : { tags: options.tag }),
    ...(lock === undefined ? {} : { objectLock: lock }),
  }
}

function tag(text: string, earlier: readonly Tag[] | undefined): readonly Tag[] {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('a tag is name=value')
  return [...(earlier ?? []), { name: text.slice(0, at), value: text.slice(at + 1) }]
}

function objectLock(text: string): { mode: LockMode; days: number } {
  const [word = '', days = ''] = text.split(':')
  const mode = lockModes.find(each => each === word)
  if (mode === undefined || !/^[1-9]\d{0,4}$/.test(days))
    throw new InvalidArgumentError('a lock is governance:DAYS or compliance:DAYS')
  return { mode, days: Number(days) }
}
