import { AppError } from '../../shared/errors/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import type { Destination as WireDestination } from '../../shared/wire/gen/holdfast/v1/common.ts'
import type { PendingObject } from '../pipeline/index.ts'
import { FanOutStore, type FanOutTarget, type PressableStore } from '../pipeline/upload/fan-out-store.ts'
import { destinationFrom } from './destination.ts'
import type { GivenUp } from './quorum.ts'
import type { CopyRule, RecipeOutcome, UploadedObject } from './recipe.ts'
import type { Surroundings } from './surroundings.ts'

/** Destinations beyond those asked for may hold a backup up for so long, in all, when nobody says how long, ms. */
const usualPatience = 600_000

/** Where a backup goes, and how many copies it takes. */
export interface Destinations {
  /** The first of them, and the others; names and URLs differ. */
  readonly destination: Destination
  readonly further: readonly Destination[]
  readonly rule: CopyRule
}

/**
 * Narrows the destinations of a backup from the link.
 *
 * @throws AppError `destination.invalid`, also when two are one
 */
export function destinationsFrom(spec: {
  readonly destination: WireDestination | undefined
  readonly destinations: readonly WireDestination[]
  readonly minCopies: number
  readonly copyPatienceMs: number
}): Destinations {
  const destination = destinationFrom(spec.destination)
  const further = spec.destinations.map(destinationFrom)
  const all = [destination, ...further]
  for (const what of ['name', 'url'] as const)
    if (new Set(all.map(each => each[what])).size < all.length)
      throw new AppError('destination.invalid', {
        message: `the destination is not valid: two destinations of a backup have the same ${what}`,
        context: { [what]: all.map(each => each[what]) },
      })
  return {
    destination,
    further,
    rule: {
      min: Math.min(Math.max(1, spec.minCopies), all.length),
      patience: spec.copyPatienceMs > 0 ? spec.copyPatienceMs : usualPatience,
    },
  }
}

/** The stores of a backup's destinations as one. */
export interface OpenDestinations extends AsyncDisposable {
  readonly store: PressableStore
  /** What of an object lies where: one entry for each destination that still takes part. */
  uploadsOf(object: PendingObject): readonly UploadedObject[]
  /** What the commit protocol is told of copies; undefined with one destination. */
  copies(): Extract<RecipeOutcome, { kind: 'uploaded' }>['copies']
}

/**
 * Opens the stores a backup is written to. One that cannot be opened is given up when enough others are left: the
 * agent may lack its credentials, and a keeper makes that copy later.
 *
 * @throws AppError of the first that cannot be opened, when too few can
 */
export async function openDestinations(
  { destination, further, rule }: Destinations,
  world: Pick<Surroundings, 'openStore' | 'clock' | 'log'>,
): Promise<OpenDestinations> {
  if (further.length === 0) {
    const store = await world.openStore(destination)
    return {
      store,
      uploadsOf: ({ key, uploadId, size, parts }) => [{ key, uploadId, size, parts }],
      copies: () => undefined,
      [Symbol.asyncDispose]: () => store.close(),
    }
  }
  const { targets, unopened } = await opened([destination, ...further], world)
  const [first] = unopened
  if (first !== undefined && targets.length < rule.min) {
    await Promise.all(targets.map(({ store }) => store.close()))
    throw first.error
  }
  const tell = (destination: string, error: AppError) =>
    world.log.warn('a destination was given up; its copy is to be made later', { destination, error })
  for (const each of unopened) tell(each.destination, each.error)
  const store = new FanOutStore({
    targets,
    minCopies: rule.min,
    patience: rule.patience,
    clock: world.clock,
    onGivenUp: tell,
  })
  return {
    store,
    uploadsOf: ({ key, uploadId, size }) => store.uploadsOf(uploadId).map(each => ({ ...each, key, size })),
    copies: () => ({ ...rule, givenUp: [...unopened, ...store.givenUp] }),
    [Symbol.asyncDispose]: () => store.close(),
  }
}

async function opened(
  destinations: readonly Destination[],
  world: Pick<Surroundings, 'openStore'>,
): Promise<{ readonly targets: readonly FanOutTarget[]; readonly unopened: readonly GivenUp[] }> {
  const targets: FanOutTarget[] = []
  const unopened: GivenUp[] = []
  for (const destination of destinations) {
    try {
      targets.push({ name: destination.name, store: await world.openStore(destination) })
    } catch (thrown) {
      unopened.push({ destination: destination.name, error: AppError.from(thrown) })
    }
  }
  return { targets, unopened }
}
