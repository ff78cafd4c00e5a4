import { z } from 'zod'
import { duration } from '../shared/config/index.ts'

/** What is done with the audit beside keeping it. */
export const auditSchema = z.strictObject({
  /** The head of the chain, put into a bucket by a keeper: a chain that was rewritten no longer fits it. */
  anchors: z
    .strictObject({
      /** One of `destinations`; best a bucket of its own with Object Lock, which the keeper cannot delete in. */
      destination: z.string().min(1),
      every: duration({ min: 100 }).prefault('1h'),
    })
    .optional(),
})

/** What no key can tell by itself. */
export function auditProblems(
  audit: unknown,
  destinations: readonly string[],
): readonly { readonly path: readonly string[]; readonly text: string }[] {
  const { anchors } = (audit ?? {}) as { readonly anchors?: { readonly destination?: unknown } }
  const named = anchors?.destination
  return typeof named === 'string' && named !== '' && !destinations.includes(named)
    ? [{ path: ['anchors', 'destination'], text: 'must be the name of one of `destinations`' }]
    : []
}
