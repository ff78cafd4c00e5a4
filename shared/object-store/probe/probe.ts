import type { Destination } from '../../model/destination.ts'
import { parseDestination } from '../destination-url.ts'
import { openDirectoryStore } from '../directory.ts'
import { type OpenStoreOptions, s3OptionsFor } from '../open.ts'
import { brief } from '../retry.ts'
import { probeDirectory } from './directory-probe.ts'
import type { DestinationProbe } from './finding.ts'
import { type ProbeOptions, probeS3 } from './s3-probe.ts'
import { suggest } from './suggest.ts'

/**
 * Finds out what a destination really supports, by trying: objects below `v1/doctor/<id>/`, deleted again. An
 * answer for every check, whatever fails; only the signal's abort is thrown, after everything is cleaned up.
 *
 * @throws AppError `destination.invalid`, or the signal's cause
 */
export async function probeDestination(
  destination: Pick<Destination, 'url' | 'endpoint' | 'region' | 'profile' | 'settings'>,
  options: ProbeOptions & OpenStoreOptions,
): Promise<DestinationProbe> {
  const { url, profile } = destination
  const location = parseDestination(url)
  if (location.kind === 'directory' || profile === 'directory') {
    const path = location.kind === 'directory' ? location.path : ''
    const store = openDirectoryStore(path)
    return { url, profile, ...(await probeDirectory(store, path, options)) }
  }
  const store = s3OptionsFor(destination, location, { retry: brief, ...options })
  try {
    const { server, ...found } = await probeS3(store, options)
    const checksum = destination.settings?.checksum ?? store.profile.checksum
    const suggestion = suggest(profile, checksum, found.findings, { endpoint: store.endpoint, server })
    return {
      ...{ url, profile, ...found },
      ...(store.endpoint === undefined ? {} : { endpoint: store.endpoint }),
      ...(suggestion === undefined ? {} : { suggestion }),
    }
  } finally {
    store.client.destroy()
  }
}
