import type { Log } from '../log/index.ts'
import type { DiscoverySnapshot } from './port.ts'

/** Hands on a snapshot when it differs from the one before, and keeps what the listener throws away from the source. */
export function reportChanges(
  onSnapshot: (snapshot: DiscoverySnapshot) => void,
  log: Log,
): (snapshot: DiscoverySnapshot) => void {
  let last: string | undefined
  let instances: { readonly of: DiscoverySnapshot['instances']; readonly print: string } | undefined
  let wasFailing = false
  return snapshot => {
    const { source, health } = snapshot
    const failure = health.kind === 'failing' ? health.error.toFailure() : undefined
    // thousands of instances, most often the very same ones as the last time
    if (instances?.of !== snapshot.instances)
      instances = { of: snapshot.instances, print: JSON.stringify(snapshot.instances) }
    const print = `${JSON.stringify([failure, snapshot.unsure])}${instances.print}`
    if (print === last) return
    last = print
    if (health.kind === 'failing')
      log.warn('discovery fails; what is known stays', { source, error: health.error })
    else if (wasFailing) log.info('discovery is well again', { source, instances: snapshot.instances.length })
    wasFailing = health.kind === 'failing'
    try {
      onSnapshot(snapshot)
    } catch (error) {
      log.error('a discovery snapshot could not be taken in', { source, error })
    }
  }
}
