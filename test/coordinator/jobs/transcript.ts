import type { AttemptRef, JobEffect, JobEvent, Step } from '../../../coordinator/jobs/event.ts'
import { checkInvariants } from '../../../coordinator/jobs/invariants.ts'
import { type Attempt, attemptOf, type Job, type JobKind } from '../../../coordinator/jobs/job.ts'
import { transition } from '../../../coordinator/jobs/transition.ts'
import { AppError, errorCodeFrom } from '../../../shared/errors/index.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'
import { formatDuration, parseDuration } from '../../../shared/time/index.ts'
import { operator, queuedJob, uuidOf } from './job-maker.ts'

/**
 * Runs the commands of a transcript (the lines that are neither comments nor indented) and writes it again with
 * what they lead to. A transcript that comes back unchanged is right.
 *
 *   job <kind> [attempts=N]            a new queued job
 *   wait <duration>                    time passes
 *   wait retry                         … until the job may be tried again
 *   assign <attempt> <agent>           names are the transcript's own: a1, host7
 *   <event> <attempt> [epoch=N] [agent=X] [code=<error code>]
 *   cancel <reason>
 *   restart                            the coordinator dies: leases in memory are gone, the job is what was stored
 */
export function replay(transcript: string): string {
  const world = new World()
  const lines: string[] = []
  for (const line of transcript.split('\n')) {
    if (line.startsWith('  ')) continue
    lines.push(line)
    if (line !== '' && !line.startsWith('#')) lines.push(...world.run(line).map(text => `  ${text}`))
  }
  return lines.join('\n')
}

class World {
  #job: Job = queuedJob()
  #now = 0
  readonly #attempts = new Map<string, Attempt>()
  readonly #names = new Map<string, number>()

  run(line: string): string[] {
    const [verb = '', ...words] = line.split(' ')
    if (verb === 'job') return this.#newJob(words)
    if (verb === 'wait') return this.#wait(words[0] ?? '')
    if (verb === 'restart') {
      this.#job = structuredClone(this.#job)
      return [this.#state()]
    }
    const event = this.#event(verb, words, line)
    const before = this.#job
    const step = transition(before, event, { wall: this.#now, mono: this.#now })
    const broken = checkInvariants(before, event, step)
    if (broken.length > 0) throw new Error(`${line}: ${broken.join('; ')}`)
    if (step.kind === 'refused') return [`refused: ${step.reason}`]
    this.#job = step.job
    return [this.#state(), ...this.#consequences(step)]
  }

  #newJob(words: readonly string[]): string[] {
    const options = optionsOf(words)
    const maxAttempts = Number(options.get('attempts') ?? '3')
    this.#job = queuedJob((words[0] ?? 'backup') as JobKind, {
      retry: { maxAttempts, baseDelay: 60_000, maxDelay: 600_000 },
    })
    return [this.#state()]
  }

  #wait(text: string): string[] {
    const { state } = this.#job
    if (text === 'retry') this.#now = state.kind === 'queued' ? state.notBefore : this.#now
    else this.#now += parseDuration(text) ?? Number.NaN
    return [`at ${formatDuration(this.#now)}`]
  }

  #event(verb: string, words: readonly string[], line: string): JobEvent {
    const options = optionsOf(words)
    const name = words[0] ?? ''
    const leaseTtl = 120_000
    switch (verb) {
      case 'assign':
        return {
          kind: verb,
          attemptId: idFrom('attempt', this.#uuid(name)),
          agentId: idFrom('agent', this.#uuid(words[1] ?? '')),
          leaseTtl,
        }
      case 'accepted':
      case 'accept-timed-out':
      case 'lease-expired':
      case 'agent-restarted':
      case 'stopped':
        return { kind: verb, ref: this.#ref(name, options) }
      case 'resumed':
        return { kind: verb, ref: this.#ref(name, options), leaseTtl }
      case 'succeeded':
        return { kind: verb, ref: this.#ref(name, options), backupId: idFrom('backup', uuidOf(800)) }
      case 'declined':
      case 'failed':
        return {
          kind: verb,
          ref: this.#ref(name, options),
          failure: new AppError(errorCodeFrom(options.get('code') ?? 'stage.failed')).toFailure(),
        }
      case 'cancel':
        return { kind: verb, by: operator, reason: words.join(' ') }
      default:
        throw new Error(`transcript: no such command: ${line}`)
    }
  }

  #ref(name: string, options: ReadonlyMap<string, string>): AttemptRef {
    const attempt = this.#attempts.get(name)
    const agent = options.get('agent')
    return {
      attemptId: idFrom('attempt', this.#uuid(name)),
      epoch: Number(options.get('epoch') ?? attempt?.epoch ?? 0),
      agentId: agent === undefined && attempt ? attempt.agentId : idFrom('agent', this.#uuid(agent ?? '')),
    }
  }

  #consequences(step: Extract<Step, { kind: 'accepted' }>): string[] {
    for (const change of step.attempts)
      if (change.kind === 'made') this.#attempts.set(this.#nameOf(change.attempt.id), change.attempt)
    return [
      ...step.attempts.map(change => {
        if (change.kind === 'made')
          return `row ${this.#nameOf(change.attempt.id)}: made, epoch ${change.attempt.epoch}`
        const end = change.kind === 'ended' ? ` ${change.outcome}` : ''
        const code = change.kind === 'ended' && change.failure ? ` (${change.failure.code})` : ''
        return `row ${this.#nameOf(change.attemptId)}: ${change.kind}${end}${code}`
      }),
      ...step.effects.map(effect => `→ ${this.#effect(effect)}`),
    ]
  }

  #effect(effect: JobEffect): string {
    if (effect.kind === 'wake-planner') return effect.kind
    const more =
      effect.kind === 'start-lease'
        ? ` ${formatDuration(effect.ttl)}`
        : effect.kind === 'send-cancel'
          ? ` (${effect.reason})`
          : ''
    return `${effect.kind} ${this.#nameOf(effect.attempt.id)} ${this.#nameOf(effect.attempt.agentId)}${more}`
  }

  #state(): string {
    const { state } = this.#job
    const attempt = attemptOf(state)
    const held = attempt
      ? ` ${this.#nameOf(attempt.id)} epoch ${attempt.epoch} on ${this.#nameOf(attempt.agentId)}`
      : ''
    switch (state.kind) {
      case 'queued': {
        const wait = state.notBefore > this.#now ? `, in ${formatDuration(state.notBefore - this.#now)}` : ''
        const last = held === '' ? '' : `, last${held}`
        return `queued${wait}${state.lastFailure ? ` after ${state.lastFailure.code}` : ''}${last}`
      }
      case 'failed':
        return `failed: ${state.failure.code}${held === '' ? '' : `,${held}`}`
      case 'cancelled':
        return `cancelled by ${state.by.name}: ${state.reason}`
      default:
        return state.kind + held
    }
  }

  #uuid(name: string): string {
    const n = this.#names.get(name) ?? this.#names.size + 100
    this.#names.set(name, n)
    return uuidOf(n)
  }

  #nameOf(id: string): string {
    for (const [name, n] of this.#names) if (id.endsWith(uuidOf(n))) return name
    return id
  }
}

function optionsOf(words: readonly string[]): ReadonlyMap<string, string> {
  const options = new Map<string, string>()
  for (const word of words) {
    const at = word.indexOf('=')
    if (at > 0) options.set(word.slice(0, at), word.slice(at + 1))
  }
  return options
}
