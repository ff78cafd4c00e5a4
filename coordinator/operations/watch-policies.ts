import { AppError } from '../../shared/errors/index.ts'
import type { PolicySource, PolicyView } from '../policy-source.ts'
import { invalidPolicies, readPolicies } from '../policy-text.ts'
import { adoptPolicies, refusePolicies } from './adopt-policies.ts'
import { destinationsOf, refuseErrors, withBudgets } from './policy-verbs.ts'
import { reviewPolicies } from './review-policies.ts'
import { tellFact } from './tell-fact.ts'
import { afterCommit, type Term, write } from './term.ts'

/**
 * Takes in what a watched place holds: looked at before it is put in force, with the last good text staying when it
 * cannot be, or when the place does not answer. Nothing there is a mistake, too: a key that somebody deletes must not
 * end every promise.
 */
export class WatchedPolicies {
  readonly #source: PolicySource
  readonly #term: Term
  /** What was made of the last text of this term: the same one again is no news. */
  #last: string | undefined

  constructor(source: PolicySource, term: Term) {
    this.#source = source
    this.#term = term
  }

  async take(view: PolicyView): Promise<void> {
    const term = this.#term
    if (view.kind === 'failing') {
      const { message } = view.error
      // its text may be as good as ever: nobody has to be told more than that it cannot be seen
      if (term.policies.problem === undefined) {
        term.policies.refuse({ since: term.clock.now().wall, message })
        term.log.warn('the place where policies are kept does not answer; those in force stay', {
          error: view.error,
        })
      }
      this.#last = undefined
      return
    }
    const seen = view.kind === 'missing' ? 'missing' : `text ${view.text}`
    if (seen === this.#last) return
    await (view.kind === 'missing' ? this.#missing() : this.#text(view.text))
    this.#last = seen
  }

  #missing(): Promise<void> {
    const { home, where } = this.#source
    const error = new AppError('policy.invalid', { message: `there are no policies: ${where} is not there` })
    return refusePolicies(error, home, this.#term)
  }

  async #text(text: string): Promise<void> {
    const { home, where } = this.#source
    const term = this.#term
    const { now } = term.policies
    if (now.home === home && now.text === text) {
      await this.#settle()
      return
    }
    try {
      if (text.trim() === '')
        throw new AppError('policy.invalid', { message: `there are no policies: ${where} is empty` })
      const read = readPolicies(text, where, destinationsOf(term), term.settings.channels)
      const { fresh, shortened, weakened } = await reviewPolicies(withBudgets(read, term), term)
      refuseErrors(fresh)
      // nobody asks here, so nobody could be asked
      if (shortened > 0 && term.settings.approvals.required.has('shorten-retention'))
        throw invalidPolicies([
          `of ${shortened} databases fewer backups would be kept, and that takes a second person: leave \`retention\` as it is, or take \`shorten-retention\` out of \`access.approvals\``,
        ])
      if (weakened > 0 && term.settings.approvals.required.has('weaken-verification'))
        throw invalidPolicies([
          `backups of ${weakened} databases would be proven less, and that takes a second person: leave \`verification\` as it is, or take \`weaken-verification\` out of \`access.approvals\``,
        ])
      await write(term, 'policies', tx =>
        adoptPolicies(tx, { read, text, home, by: home, reason: `changed in ${where}` }, term),
      )
      term.log.info('policies of a watched place are in force', { where })
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (error.code !== 'policy.invalid') throw error
      await refusePolicies(error, home, term)
    }
  }

  /** What is written there is in force, as it was: what was told of a bad edit is over. */
  #settle(): Promise<void> {
    const { home } = this.#source
    const term = this.#term
    return write(term, 'policies', async tx => {
      await tellFact(tx, { kind: 'policies', refused: false, home, detail: '' }, term.clock.now().wall, term)
      afterCommit(term, tx, () => term.policies.refuse(undefined))
    })
  }
}
