import type {
  ListDestinationsRequest,
  ListDestinationsResponse,
  StoredDestination,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import { type DestinationCourse, destinationCourse, storedIn } from '../../trends/index.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { filterOf, pageOf } from './narrow.ts'
import { growthToWire } from './trend-to-wire.ts'

/** ListDestinations: all that hold a copy, by name. They belong to the whole fleet: a narrower scope sees none. */
export function listDestinations({ store, operations }: OperatorDeps) {
  return async (
    request: ListDestinationsRequest,
    { scope }: CallContext,
  ): Promise<ListDestinationsResponse> => {
    pageOf(request)
    filterOf(request, [])
    if (scope.kind !== 'fleet') return { destinations: [], nextPageToken: '' }
    const days = await store.read.destinationDays()
    return {
      destinations: [...days].map(([name, of]) => toWire(name, destinationCourse(of, operations.now()))),
      nextPageToken: '',
    }
  }
}

function toWire(name: string, course: DestinationCourse): StoredDestination {
  return {
    name,
    storedBytes: course.storedBytes,
    copies: course.copies,
    growth: growthToWire(course.growth),
    monthAheadBytes: storedIn(course, 30) ?? 0,
    quarterAheadBytes: storedIn(course, 90) ?? 0,
    points: [...course.points],
  }
}
