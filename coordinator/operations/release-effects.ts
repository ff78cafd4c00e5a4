import type { JobEffect } from '../jobs/event.ts'
import type { Job } from '../jobs/job.ts'
import { crashPoint } from './crash-point.ts'
import { resolveAssignment } from './resolve-assignment.ts'
import type { Term } from './term.ts'

/** Lets out what waited for the commit (J1), in order. Clocks and messages only: nothing here can fail a commit. */
export function releaseEffects(job: Job, effects: readonly JobEffect[], term: Term): void {
  const { mono } = term.clock.now()
  for (const effect of effects) {
    switch (effect.kind) {
      case 'send-assign':
        crashPoint('before-assign')
        term.leases.awaitAccept(effect.jobId, effect.attempt, term.settings.times.acceptTimeout, mono)
        sendAssign(job, effect.attempt, term)
        break
      case 'send-start':
        crashPoint('before-start')
        term.messenger.start(effect)
        break
      case 'send-cancel':
        term.messenger.cancel(effect, effect.reason)
        break
      case 'start-lease':
        term.leases.start(effect.jobId, effect.attempt, effect.ttl, mono)
        break
      case 'end-lease':
        term.leases.end(effect.attempt.id)
        break
      case 'wake-planner':
        term.wakePlanner()
        break
    }
  }
}

/** Offers an attempt. When it cannot be resolved any more (its policy went), the accept time-out ends it. */
export function sendAssign(
  job: Job,
  attempt: Extract<JobEffect, { kind: 'send-assign' }>['attempt'],
  term: Term,
): void {
  const resolved = resolveAssignment(job, attempt.agentId, term)
  if (resolved.kind === 'unresolved') {
    term.log.warn('an attempt cannot be offered', {
      job_id: job.id,
      attempt_id: attempt.id,
      reason: resolved.text,
    })
    return
  }
  term.messenger.assign({ jobId: job.id, attempt }, resolved.assignment)
}
