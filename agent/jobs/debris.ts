import type { JournalHead } from './journal-record.ts'
import type { AttemptResult } from './result.ts'

/**
 * What a failed attempt left, as its result tells it: the keys that lie in every destination, or in each of its
 * own. `debris` speaks of the first destination, `copies` of all where there are several.
 */
export function debrisOf(
  { destination, further = [] }: Pick<JournalHead, 'destination' | 'further'>,
  left: readonly string[] | ReadonlyMap<string, readonly string[]>,
): Pick<AttemptResult, 'debris' | 'copies'> {
  const at = (name: string): string[] => [
    ...(left instanceof Map ? (left.get(name) ?? []) : (left as string[])),
  ]
  return {
    debris: at(destination.name),
    ...(further.length === 0
      ? {}
      : {
          copies: [destination, ...further].map(({ name }) => ({
            destination: name,
            state: 'missing' as const,
            debris: at(name),
          })),
        }),
  }
}
