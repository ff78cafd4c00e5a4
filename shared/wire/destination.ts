import { AppError } from '../errors/index.ts'
import {
  checksumModes,
  type Destination,
  type DestinationSettings,
  destinationProfiles,
  lockModes,
  storeEncryptions,
} from '../model/destination.ts'
import type { Destination as WireDestination } from './gen/holdfast/v1/common.ts'

/** A destination as it travels: what is absent is an empty text, as proto3 has it. */
export function destinationToWire(from: Destination): WireDestination {
  const { settings = {} } = from
  return {
    name: from.name,
    url: from.url,
    endpoint: from.endpoint ?? '',
    region: from.region ?? '',
    profile: from.profile,
    checksum: settings.checksum ?? '',
    storageClass: settings.storageClass ?? '',
    encryption: settings.encryption ?? '',
    kmsKeyId: settings.kmsKeyId ?? '',
    bucketOwner: settings.bucketOwner ?? '',
    tags: (settings.tags ?? []).map(({ name, value }) => ({ name, value })),
    objectLockMode: settings.objectLock?.mode ?? '',
    objectLockDays: settings.objectLock?.days ?? 0,
  }
}

/**
 * A destination as it came. A word this program does not know is refused: to store without the lock or the
 * encryption that was asked for would be a success that is none.
 *
 * @throws AppError `destination.invalid`
 */
export function destinationFromWire(wire: WireDestination | undefined): Destination {
  if (wire === undefined || wire.url === '') throw new AppError('destination.invalid')
  const known = <T extends string>(what: string, text: string, words: readonly T[]): T | undefined => {
    const word = words.find(each => each === text)
    if (word === undefined && text !== '')
      throw new AppError('destination.invalid', {
        message: `the ${what} of the destination is not one this program knows`,
        context: { destination: wire.name, [what]: text, known: [...words] },
      })
    return word
  }
  const settings = settingsFrom(wire, known)
  return {
    name: wire.name,
    url: wire.url,
    ...(wire.endpoint === '' ? {} : { endpoint: wire.endpoint }),
    ...(wire.region === '' ? {} : { region: wire.region }),
    profile:
      known('profile', wire.profile, destinationProfiles) ??
      (wire.url.startsWith('file:') ? 'directory' : 'generic'),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  }
}

function settingsFrom(
  wire: WireDestination,
  known: <T extends string>(what: string, text: string, words: readonly T[]) => T | undefined,
): DestinationSettings {
  const checksum = known('checksum', wire.checksum, checksumModes)
  const encryption = known('encryption', wire.encryption, storeEncryptions)
  const mode = known('object_lock_mode', wire.objectLockMode, lockModes)
  return {
    ...(checksum === undefined ? {} : { checksum }),
    ...(wire.storageClass === '' ? {} : { storageClass: wire.storageClass }),
    ...(encryption === undefined ? {} : { encryption }),
    ...(wire.kmsKeyId === '' ? {} : { kmsKeyId: wire.kmsKeyId }),
    ...(wire.bucketOwner === '' ? {} : { bucketOwner: wire.bucketOwner }),
    ...(wire.tags.length === 0 ? {} : { tags: wire.tags.map(({ name, value }) => ({ name, value })) }),
    ...(mode === undefined ? {} : { objectLock: { mode, days: wire.objectLockDays } }),
  }
}
