import { AppError } from '../../shared/errors/index.ts'
import { changeText, diffPolicies, type PolicyChange } from '../policy/index.ts'
import { type ReadPolicies, readPolicies } from '../policy-text.ts'
import type { WriteTx } from '../store/port.ts'
import type { PolicyHome, PolicyRevision } from '../store/records.ts'
import type { InForce } from './policies-in-force.ts'
import { tellFact } from './tell-fact.ts'
import { afterCommit, type Term, write } from './term.ts'

/** Lines of a diff that the audit keeps: the texts themselves are kept whole. */
const mostAudited = 200

/** A text that is to be in force, and who wants it. */
export interface Adoption {
  readonly read: ReadPolicies
  readonly text: string
  readonly home: PolicyHome
  readonly by: string
  readonly reason: string
  /** What it is held against; absent: what is in force. */
  readonly before?: ReadonlyMap<string, string>
}

/** What became of it. */
export interface Adopted {
  readonly revision: number
  readonly changes: readonly PolicyChange[]
}

/**
 * Puts policies in force, in one step: the text is kept under a number of its own, the audit has what changed, and
 * from the commit on the planner, the clocks and every new job go by it.
 *
 * @param expected the revision that was changed; another one since then is `conflict`
 */
export async function adoptPolicies(
  tx: WriteTx,
  { read, text, home, by, reason, before }: Adoption,
  term: Term,
  expected?: number,
): Promise<Adopted> {
  const at = term.clock.now().wall
  const last = await tx.policyRevisions.latest()
  if (expected !== undefined && expected !== (last?.revision ?? 0))
    throw new AppError('conflict', {
      message: `the policies were changed since: revision ${last?.revision ?? 0} is in force, not ${expected}`,
      hint: 'Look at them again (`holdfast policy diff FILE`), then apply.',
    })
  const changes = diffPolicies(before ?? term.policies.now.lines, read.lines)
  const revision = (last?.revision ?? 0) + 1
  await tx.policyRevisions.append({ revision, home, at, by, reason, text })
  await tx.audit.append({
    at,
    class: 'history',
    actor: by,
    action: 'policies.changed',
    subject: `policies/${revision}`,
    reason,
    detail: {
      home,
      changes: changes.slice(0, mostAudited).map(changeText).join('\n'),
      ...(changes.length > mostAudited ? { further: changes.length - mostAudited } : {}),
    },
  })
  await tellFact(tx, { kind: 'policies', refused: false, home, detail: '' }, at, term)
  afterCommit(term, tx, () => {
    term.policies.adopt(inForce(read, { home, revision, text }, term))
    term.reviewSoon()
    term.wakePlanner()
  })
  return { revision, changes }
}

/** A newer text that cannot be put in force: those in force stay, people are told, the audit has it. Once a text. */
export async function refusePolicies(error: AppError, home: PolicyHome, term: Term): Promise<void> {
  const { message } = error
  if (term.policies.problem?.message === message) return
  const at = term.clock.now().wall
  await write(term, 'policies-refused', async tx => {
    await tx.audit.append({
      at,
      class: 'history',
      actor: 'system',
      action: 'policies.refused',
      subject: `policies/${home}`,
      reason: '',
      detail: { code: error.code, message: message.slice(0, 4_000) },
    })
    await tellFact(tx, { kind: 'policies', refused: true, home, detail: message.slice(0, 500) }, at, term)
    afterCommit(term, tx, () => term.policies.refuse({ since: at, message }))
  })
  term.log.warn('policies were refused; those in force stay', { home, error })
}

/** Puts in force what a new term finds: what was last adopted, else what the configuration has. */
export async function loadPolicies(term: Term): Promise<void> {
  const last = await term.store.read.policyRevision()
  const { configured, policySource } = term.settings
  const home = policySource ?? 'applied'
  if (last?.home === home) {
    await restore(last, term)
    return
  }
  if (last?.home === 'configuration' && last.text === configured.text) {
    term.policies.adopt({ ...term.policies.now, revision: last.revision })
    return
  }
  const by = 'configuration'
  await write(term, 'policies', async tx => {
    const at = term.clock.now().wall
    if (last === undefined) {
      // the first ones change nothing: there is nothing to tell
      await tx.policyRevisions.append({ revision: 1, home: by, at, by, reason: '', text: configured.text })
      afterCommit(term, tx, () => term.policies.adopt({ ...term.policies.now, revision: 1 }))
      return
    }
    const { book, text, lines } = configured
    const read = { book, lines }
    await adoptPolicies(tx, { read, text, home: by, by, reason: '', before: linesOf(last) }, term)
  })
}

/** What was in force before goes on, even if it would be refused today: a promise does not end with a destination. */
async function restore(last: PolicyRevision, term: Term): Promise<void> {
  const { text, home, revision } = last
  const kept = { text, home, revision }
  const known = [...term.settings.destinations.keys()]
  try {
    const read = readPolicies(text, nameOf(last), known, term.settings.channels)
    term.policies.adopt(inForce(read, kept, term))
  } catch (thrown) {
    try {
      term.policies.adopt(inForce(readPolicies(text, nameOf(last), undefined), kept, term))
    } catch {
      // not even readable: what the configuration has is better than nothing
    }
    await refusePolicies(AppError.from(thrown), home, term)
  }
}

function inForce(
  { book, lines, live, budgets: own }: ReadPolicies,
  kept: Pick<InForce, 'home' | 'revision' | 'text'>,
  term: Term,
): InForce {
  const budgets = own ?? term.settings.budgets
  return {
    ...{ book, lines },
    ...kept,
    ...(budgets === undefined ? {} : { budgets }),
    ...(live === undefined ? {} : { live }),
  }
}

function linesOf(revision: PolicyRevision): ReadonlyMap<string, string> {
  try {
    return readPolicies(revision.text, nameOf(revision), undefined).lines
  } catch {
    return new Map()
  }
}

function nameOf({ home, revision }: PolicyRevision): string {
  return home === 'configuration' ? 'configuration' : `revision ${revision}`
}
