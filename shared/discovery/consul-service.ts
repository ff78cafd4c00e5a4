import { AppError } from '../errors/index.ts'
import { readAccess } from './consul-acl.ts'
import { instancesFrom } from './consul-answer.ts'
import { type NamedSelector, nameOfQuestion } from './consul-selector.ts'
import { type ConsulWorld, type Heard, watchQuestion } from './consul-watch.ts'
import { type DiscoveredInstance, instanceKey } from './port.ts'

/** What is known of one service: instances once it answered, and what is wrong now. */
export interface ServiceView {
  readonly instances?: readonly DiscoveredInstance[]
  readonly error?: AppError
}

/** One service in one datacenter; none is that of the agent which is asked. */
export interface ServiceQuestion {
  readonly service: NamedSelector
  readonly datacenter?: string
}

/**
 * Follows one service until aborted.
 *
 * - An answer that has most of what was known, or more, is taken as it is.
 * - An empty answer is taken only if Consul says we may read the service (`readAccess`); after instances were
 *   known it must also last `emptyGrace`, so that a Consul that lost its state does not empty the fleet.
 * - So must one that lacks more than half of what was known: half a catalog, of a Consul whose agents have not told
 *   it everything again yet. What is new in it counts at once.
 * - On any failure the last known instances stay.
 */
export async function watchService(
  world: ConsulWorld,
  { service, datacenter }: ServiceQuestion,
  onView: (view: ServiceView) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, times } = world
  const name = nameOfQuestion(service, datacenter)
  const { tag, filter } = service
  let known: readonly DiscoveredInstance[] | undefined
  /** Since when something is doubted, and how many were known before it. */
  let doubt: { readonly since: number; readonly before: number } | undefined

  const doubtLeft = () =>
    doubt === undefined ? undefined : doubt.since + times.emptyGrace - clock.now().mono

  const believe = async (found: readonly DiscoveredInstance[], heard: Heard) => {
    const before = known ?? []
    const present = new Set(found.map(instanceKey))
    const missing = before.filter(each => !present.has(instanceKey(each)))
    if (known !== undefined) known = [...found, ...missing]
    const emptied = found.length === 0
    if (heard.answer.filtered && (emptied || missing.length > 0)) throw hidden(name)
    let surprising = missing.length * 2 > before.length || (doubt !== undefined && missing.length > 0)
    if (emptied) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
      const access = await readAccess(heard.connection, heard.token, service.name, limit)
      if (known === undefined) surprising = access === 'unknown'
    }
    if (surprising) {
      doubt ??= { since: clock.now().mono, before: before.length }
      if ((doubtLeft() ?? 0) > 0)
        throw emptied ? suddenlyEmpty(name, doubt.before) : mostlyGone(name, doubt.before, missing.length)
    }
    doubt = undefined
    return found
  }

  await watchQuestion(
    world,
    {
      query: {
        service: service.name,
        name,
        ...(tag === undefined ? {} : { tag }),
        ...(filter === undefined ? {} : { filter }),
        ...(datacenter === undefined ? {} : { datacenter }),
      },
      take: async heard => {
        known = await believe(instancesFrom(heard.answer.body, service), heard)
        onView({ instances: known })
      },
      failed: error => onView({ ...(known === undefined ? {} : { instances: known }), error }),
      doubtLeft,
    },
    signal,
  )
}

function hidden(name: string): AppError {
  return new AppError('discovery.denied', {
    message: `consul hides instances of ${name} from this token`,
    context: { question: name },
  })
}

function suddenlyEmpty(name: string, before: number): AppError {
  return new AppError('discovery.invalid', {
    message: `consul suddenly shows no instance of ${name}, which had ${before}; waiting whether that lasts`,
    context: { question: name, instances_before: before },
  })
}

function mostlyGone(name: string, before: number, missing: number): AppError {
  return new AppError('discovery.invalid', {
    message: `consul suddenly lacks ${missing} of the ${before} instances of ${name}; waiting whether that lasts`,
    context: { question: name, instances_before: before, missing },
  })
}
