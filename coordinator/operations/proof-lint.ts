import { type Duration, formatDuration } from '../../shared/time/index.ts'
import { type Policy, rarerProofs } from '../policy/index.ts'
import type { Finding } from '../policy/lint/index.ts'
import type { DatabaseStateRecord, KnownEngine } from '../store/records.ts'
import type { Term } from './term.ts'

interface Load {
  readonly every: Duration
  takes: Duration
  count: number
}

/** What people should know of the proofs that policies ask for before they hold: whether somebody can make them, and in time. */
export class ProofLint {
  readonly #verifiers = new Map<string, number>()
  readonly #loads = new Map<string, Load>()
  readonly #unable = new Map<string, { readonly where: string; readonly engine: string; count: number }>()

  constructor({ live }: Pick<Term, 'live'>) {
    for (const { verifyServers = [] } of live.verifiers())
      for (const engine of new Set(verifyServers.map(each => each.engine)))
        this.#verifiers.set(engine, (this.#verifiers.get(engine) ?? 0) + 1)
  }

  /** @param backupTakes how long a backup takes; a restore takes about twice that until one was measured */
  look(
    policy: Policy | undefined,
    engine: KnownEngine | undefined,
    state: DatabaseStateRecord | undefined,
    backupTakes: Duration,
  ): void {
    const asked = policy?.verification
    if (policy === undefined || asked === undefined || engine === undefined || engine === 'unknown') return
    const verifiers = this.#verifiers.get(engine) ?? 0
    if (verifiers === 0) {
      const key = `${policy.name}\0${engine}`
      const known = this.#unable.get(key) ?? { where: policy.name, engine, count: 0 }
      this.#unable.set(key, { ...known, count: known.count + 1 })
      return
    }
    const load = this.#loads.get(policy.name) ?? { every: asked.every, takes: 0, count: 0 }
    load.takes += (state?.verification?.good?.restoreMs ?? 2 * backupTakes) / verifiers
    load.count++
    this.#loads.set(policy.name, load)
  }

  findings(): readonly Finding[] {
    const late = [...this.#loads].filter(([, { takes, every }]) => takes > every)
    return [
      ...late.map(([where, { takes, every, count }]) => ({
        code: 'verification-too-often' as const,
        severity: 'warning' as const,
        where,
        text: `restores of its ${count} databases take about ${formatDuration(Math.round(takes / 60_000) * 60_000)} with all agents that verify, longer than \`verification.every\`, ${formatDuration(every)}`,
      })),
      ...[...this.#unable.values()].map(({ where, engine, count }) => ({
        code: 'no-verifier' as const,
        severity: 'warning' as const,
        where,
        text: `no agent has a ${engine} server to restore into: ${count} database${count === 1 ? '' : 's'} would not be verified`,
      })),
    ]
  }
}

/** Databases with backups that would be proven less than they are, by the policy they get. */
export class WeakerProofs {
  readonly #found = new Map<string, { count: number; readonly example: string }>()

  get count(): number {
    return [...this.#found.values()].reduce((sum, each) => sum + each.count, 0)
  }

  look(
    name: string,
    was: Policy | undefined,
    will: Policy | undefined,
    state: DatabaseStateRecord | undefined,
  ): void {
    const less = rarerProofs(was?.verification, will?.verification)
    if (less.length === 0 || (state?.backups ?? 0) === 0) return
    const where = will?.name ?? 'no policy'
    const known = this.#found.get(where)
    if (known === undefined) this.#found.set(where, { count: 1, example: `${name}: ${less.join(', ')}` })
    else known.count++
  }

  findings(): readonly Finding[] {
    return [...this.#found].map(([where, { count, example }]) => ({
      code: 'verification-weakened',
      severity: 'warning',
      where,
      text: `backups of ${count} database${count === 1 ? '' : 's'} are proven less, such as ${example}`,
    }))
  }
}
