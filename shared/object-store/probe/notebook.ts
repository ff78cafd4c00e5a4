import { AppError } from '../../errors/index.ts'
import type { ProbeAnswer, ProbeCheck, ProbeFinding, ProbeLevel } from './finding.ts'

/** What a check concludes: answer, how grave, and why. */
export type Conclusion = readonly [answer: ProbeAnswer, level: ProbeLevel, detail: string]

/** Findings as they come. What a check throws is a finding too: a probe ends with an answer, not an error. */
export class Notebook {
  readonly findings: ProbeFinding[] = []
  readonly #signal: AbortSignal

  /** @param signal its abort is the only thing that ends a probe early */
  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Runs a check; what it does not conclude itself, because it failed, is noted at `onFailure`. */
  async check(
    check: ProbeCheck,
    work: () => Promise<Conclusion | undefined>,
    onFailure: ProbeLevel = 'problem',
  ): Promise<ProbeAnswer | undefined> {
    let conclusion: Conclusion | undefined
    try {
      conclusion = await work()
    } catch (thrown) {
      if (this.#signal.aborted) throw thrown
      const error = AppError.from(thrown)
      conclusion = [error.code === 'object-store.denied' ? 'denied' : 'no', onFailure, told(error)]
    }
    if (conclusion === undefined) return undefined
    const [answer, level, detail] = conclusion
    this.findings.push({ check, answer, level, detail })
    return answer
  }
}

/** An error in one line: what, and the store's own word for it. */
export function told(error: AppError): string {
  const code = error.context['s3_code'] ?? error.context['code']
  const status = error.context['status']
  const words = [code, status].filter(word => word !== undefined)
  return words.length === 0 ? error.message : `${error.message} (${words.join(', ')})`
}
