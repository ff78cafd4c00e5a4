export { type HostCapacity, hostCapacity } from './host-capacity.ts'
export { needsOf } from './needs.ts'
export { urgencyOf } from './order.ts'
export { plan } from './plan.ts'
export type {
  AgentCapacity,
  Budget,
  Budgets,
  Plan,
  PlanDecision,
  PlanInput,
  QueuedJob,
  Reason,
  RunningJob,
} from './port.ts'
export { type Fit, fitOf, type PastRun, type Prediction, type PredictionInput, predict } from './predict.ts'
export { median, pairSlopes, quantile } from './statistics.ts'
export {
  type DailyWindow,
  isLimited,
  type Limits,
  openingOf,
  openSpans,
  parseDailyWindow,
  type Span,
} from './window.ts'
