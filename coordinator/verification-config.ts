import { z } from 'zod'
import { duration } from '../shared/config/index.ts'
import { formatDuration } from '../shared/time/index.ts'
import type { Policy } from './policy/index.ts'

const hour = 3_600_000
/** An attempt may take so long where nothing says otherwise. */
const usualTimeout = 6 * hour

/** How often backups are proven by a restore (P5). */
export const verificationKeys = z.union([
  z.literal('none'),
  z.strictObject({
    /** The newest good backup is restored when the last proof is that old; 1h to 366d. */
    every: duration({ min: hour, max: 366 * 24 * hour }),
    /** A restore that takes longer is ended and tried again; 6h when absent, and never as long as `every`. */
    timeout: duration({ min: 60_000 }).optional(),
    /** `rows`: backups count the rows of every table, to be compared with; `none`: that it restores must do. */
    census: z.enum(['rows', 'none']).optional(),
  }),
])

type Keys = z.infer<typeof verificationKeys>

/** What of it does not go together. Looks at input that was not checked. */
export function verificationProblems(
  given: unknown,
): readonly { readonly path: readonly string[]; readonly text: string }[] {
  if (typeof given !== 'object' || given === null) return []
  const { every, timeout } = given as Readonly<Record<string, unknown>>
  if (typeof every !== 'number' || typeof timeout !== 'number' || timeout < every) return []
  return [
    {
      path: ['verification', 'timeout'],
      text: `must be shorter than \`every\`, ${formatDuration(every)}: the next one would be due before this one ends`,
    },
  ]
}

/** A policy's part; absent where nothing is asked, so that no version changes for it. */
export function verificationPart(keys: Keys | undefined): Pick<Policy, 'verification'> {
  if (keys === undefined || keys === 'none') return {}
  const { every, timeout = Math.min(usualTimeout, every / 2), census = 'rows' } = keys
  return { verification: { every, timeout, census } }
}
