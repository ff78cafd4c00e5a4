import { AppError } from '../../shared/errors/index.ts'
import { type Destination, destinationProfiles } from '../../shared/model/destination.ts'
import type { Destination as WireDestination } from '../../shared/wire/gen/holdfast/v1/common.ts'

/**
 * Narrows a destination from the link: empty texts of proto3 are absent fields.
 *
 * @throws AppError `destination.invalid`
 */
export function destinationFrom(wire: WireDestination | undefined): Destination {
  if (wire === undefined || wire.url === '') throw new AppError('destination.invalid')
  const profile = destinationProfiles.find(each => each === wire.profile)
  if (profile === undefined && wire.profile !== '')
    throw new AppError('destination.invalid', {
      message: 'the profile of the destination is not one this agent knows',
      context: { destination: wire.name, profile: wire.profile, known: [...destinationProfiles] },
    })
  return {
    name: wire.name,
    url: wire.url,
    ...(wire.endpoint === '' ? {} : { endpoint: wire.endpoint }),
    ...(wire.region === '' ? {} : { region: wire.region }),
    profile: profile ?? (wire.url.startsWith('file:') ? 'directory' : 'generic'),
  }
}
