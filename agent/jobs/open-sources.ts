import { AppError } from '../../shared/errors/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import type { ObjectStore } from '../../shared/object-store/port.ts'
import { CopySources } from '../pipeline/download/copy-sources.ts'
import type { Surroundings } from './surroundings.ts'

/** The copies of a backup as one source, and what was said of those that could not be used. */
export interface OpenSources extends AsyncDisposable {
  readonly source: CopySources
  readonly warnings: readonly string[]
}

/**
 * Opens the stores that hold a backup, in the order they are to be tried. One that cannot be opened is a warning
 * while there is another; so is every fall-back to another copy, later.
 *
 * @throws AppError of the first, when none can be opened
 */
export async function openSources(
  destinations: readonly Destination[],
  world: Pick<Surroundings, 'openStore' | 'log'>,
  onWarning: (text: string) => void = () => {},
): Promise<OpenSources> {
  const stores: { readonly name: string; readonly store: ObjectStore }[] = []
  const warnings: string[] = []
  const warn = (text: string, error: AppError): void => {
    warnings.push(text)
    onWarning(text)
    world.log.warn('a copy of the backup could not be used', { error })
  }
  const failures: { readonly name: string; readonly error: AppError }[] = []
  for (const destination of destinations) {
    try {
      stores.push({ name: destination.name, store: await world.openStore(destination) })
    } catch (thrown) {
      failures.push({ name: destination.name, error: AppError.from(thrown) })
    }
  }
  const [failure] = failures
  if (stores.length === 0) throw failure?.error ?? new AppError('destination.invalid')
  for (const { name, error } of failures)
    warn(`the copy in ${name} cannot be opened: ${error.message}`, error)
  return {
    source: new CopySources(stores, (from, to, error) =>
      warn(`the copy in ${from} failed, ${to} is used: ${error.message}`, error),
    ),
    warnings,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(stores.map(({ store }) => store.close()))
    },
  }
}
