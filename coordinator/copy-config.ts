import { z } from 'zod'
import { duration } from '../shared/config/index.ts'
import type { Policy } from './policy/index.ts'

const name = z.string().min(1)

/** The keys of a policy that say where its backups lie. */
export const copyKeys = {
  /** Where backups go; or `destinations`. */
  destination: name.optional(),
  /** Several of them, the preferred one first: every backup is to lie in each. */
  destinations: z.array(name).min(1).optional(),
  /** `at-once`: written with the dump, from the same buffers; `after`: copied once it is committed; default at once. */
  copies: z.enum(['at-once', 'after']).optional(),
  /** Copies that must be committed for success; default 1. What is missing is copied later, and told of. */
  min_copies: z.int().min(1).optional(),
  /** How long destinations beyond `min_copies` may hold a dump up, in all; default 10m. */
  copy_patience: duration({ min: 1_000 }).optional(),
}

const usualPatience = 600_000

type Keys = z.infer<z.ZodObject<typeof copyKeys>>

/**
 * What is wrong with where a policy's backups lie. Looks at half-valid input too.
 *
 * @param whole whether it must say so; else it may leave all of it to others, but not a part
 */
export function copyProblems(
  policy: Readonly<Record<string, unknown>>,
  known: readonly string[],
  whole = true,
): readonly { readonly path: readonly (string | number)[]; readonly text: string }[] {
  const checked = z.object(copyKeys).safeParse(policy)
  if (!checked.success) return []
  const { destination, destinations, copies, min_copies: min } = checked.data
  const problems: { path: (string | number)[]; text: string }[] = []
  const list = known.join(', ') || 'none is configured'
  if (destination === undefined && destinations === undefined) {
    const [part] = ['copies', 'min_copies', 'copy_patience'].filter(each => policy[each] !== undefined)
    if (!whole && part !== undefined)
      problems.push({ path: [part], text: 'must not be given without `destinations`' })
    if (whole) problems.push({ path: ['destination'], text: 'must be given, or `destinations`' })
    else return problems
  }
  if (destination !== undefined && destinations !== undefined)
    problems.push({ path: ['destinations'], text: 'must not be given beside `destination`' })
  if (destination !== undefined && !known.includes(destination))
    problems.push({ path: ['destination'], text: `must be one of the destinations (${list})` })
  for (const [index, each] of (destinations ?? []).entries()) {
    if (!known.includes(each))
      problems.push({ path: ['destinations', index], text: `must be one of the destinations (${list})` })
    if (destinations?.indexOf(each) !== index)
      problems.push({ path: ['destinations', index], text: 'must be named once' })
  }
  const count = destinations?.length ?? 1
  if (min !== undefined && min > count)
    problems.push({ path: ['min_copies'], text: `must be at most the number of destinations, ${count}` })
  if (copies === 'after' && min !== undefined && min > 1)
    problems.push({ path: ['min_copies'], text: 'must be 1 where copies are made after the commit' })
  return problems
}

/** Where a policy's backups lie. */
export function copyPolicyOf(keys: Keys): Pick<Policy, 'destination' | 'copies'> {
  const [first = '', ...further] = keys.destinations ?? [keys.destination ?? '']
  if (further.length === 0) return { destination: first }
  return {
    destination: first,
    copies: {
      destinations: further,
      when: keys.copies ?? 'at-once',
      min: keys.min_copies ?? 1,
      patience: keys.copy_patience ?? usualPatience,
    },
  }
}
