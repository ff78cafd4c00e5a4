import { AppError } from '../../shared/errors/index.ts'
import { diffPolicies, type PolicyChange } from '../policy/index.ts'
import { invalidPolicies, type ReadPolicies, readPolicies } from '../policy-text.ts'
import { type Adopted, adoptPolicies } from './adopt-policies.ts'
import type { Asked } from './alert-verbs.ts'
import { actorText } from './apply-job-event.ts'
import { type Approvable, onceApproved } from './approve.ts'
import { actorOf, type Principal } from './principal.ts'
import { type PolicyReview, reviewPolicies } from './review-policies.ts'
import type { Term } from './term.ts'

/** What a text of policies would be and do. */
export interface PolicyCheck {
  /** Why it cannot be read, a line each; then the rest is empty. */
  readonly problems: readonly string[]
  readonly changes: readonly PolicyChange[]
  readonly review: PolicyReview
  /** The revision in force that it was held against. */
  readonly revision: number
}

const nothing: PolicyReview = {
  ...{ findings: [], fresh: [], effects: [] },
  ...{ changed: 0, databases: 0, shortened: 0, weakened: 0 },
}

/** Looks at a text and at what it would change, and changes nothing. */
export async function checkPolicies(text: string, term: Term): Promise<PolicyCheck> {
  const { revision, lines } = term.policies.now
  let read: ReadPolicies
  try {
    read = readPolicies(text, 'policies', destinationsOf(term), term.settings.channels)
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (error.code !== 'policy.invalid') throw error
    const problems = error.context['problems'] as readonly string[]
    return { problems, changes: [], review: nothing, revision }
  }
  return {
    problems: [],
    changes: diffPolicies(lines, read.lines),
    review: await reviewPolicies(withBudgets(read, term), term),
    revision,
  }
}

/** What is to be applied: a text, or what the configuration has. */
export interface ApplyRequest extends Asked, Approvable {
  readonly text: string
  readonly fromConfiguration: boolean
  /** The revision that was looked at; absent: whatever is in force. */
  readonly expected?: number
}

/**
 * Puts a text of policies in force, without a restart. Refused is what cannot be read, and what brings an error that
 * those in force do not have: an old one must not keep people from changing something else.
 *
 * @throws AppError `policy.invalid`, `policy.elsewhere` while they are watched in a file or Consul, `conflict`
 */
export async function applyPolicies(
  principal: Principal,
  { text, fromConfiguration, expected, ...request }: ApplyRequest,
  term: Term,
): Promise<Adopted> {
  if (principal.scope.kind !== 'fleet')
    throw new AppError('access.denied', { message: 'policies are for the whole fleet, your scope is not' })
  const { policySource, configured } = term.settings
  if (policySource !== undefined)
    throw new AppError('policy.elsewhere', {
      message: `the policies are kept in ${policySource === 'consul' ? 'Consul' : 'a file'}: change them there`,
    })
  const read: ReadPolicies = fromConfiguration
    ? { book: configured.book, lines: configured.lines }
    : readPolicies(text, 'policies', destinationsOf(term), term.settings.channels)
  const { fresh, shortened, weakened } = await reviewPolicies(withBudgets(read, term), term)
  refuseErrors(fresh)
  const asked = { text, fromConfiguration }
  return onceApproved(term, principal, 'apply-policies', request, asked, async (tx, approved) => {
    if (shortened > 0)
      await approved('shorten-retention', `keep fewer backups of ${shortened} databases (policy apply)`)
    if (weakened > 0)
      await approved('weaken-verification', `prove backups of ${weakened} databases less (policy apply)`)
    return adoptPolicies(
      tx,
      {
        read,
        text: fromConfiguration ? configured.text : text,
        home: fromConfiguration ? 'configuration' : 'applied',
        by: actorText(actorOf(principal)),
        reason: request.reason,
      },
      term,
      expected,
    )
  })
}

/** @throws AppError `policy.invalid` with each error that policies bring */
export function refuseErrors(fresh: PolicyReview['fresh']): void {
  const problems = fresh
    .filter(each => each.severity === 'error')
    .map(({ where, code, text }) => `${where} (${code}): ${text}`)
  if (problems.length > 0) throw invalidPolicies(problems)
}

/** Destinations a document may name. */
export function destinationsOf(term: Term): readonly string[] {
  return [...term.settings.destinations.keys()]
}

/** Budgets of the document, else those of the configuration. */
export function withBudgets(read: ReadPolicies, term: Term) {
  return { book: read.book, budgets: read.budgets ?? term.settings.budgets }
}
