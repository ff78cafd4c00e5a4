export type {
  AttemptChange,
  AttemptOutcome,
  AttemptRef,
  JobEffect,
  JobEvent,
  RefusalCode,
  Step,
} from './event.ts'
export { checkInvariants } from './invariants.ts'
export {
  type Actor,
  type Attempt,
  attemptOf,
  isEnded,
  isGuarded,
  type Job,
  type JobKind,
  type JobOrder,
  type JobState,
  type JobSubject,
  type RetryRule,
  subjectKey,
} from './job.ts'
export { retryDelay } from './retry.ts'
export { transition } from './transition.ts'
