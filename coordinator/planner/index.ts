export { urgencyOf } from './order.ts'
export { plan } from './plan.ts'
export type {
  AgentCapacity,
  Plan,
  PlanDecision,
  PlanInput,
  QueuedJob,
  Reason,
  RunningJob,
} from './port.ts'
export { type Prediction, type PredictionInput, predict } from './predict.ts'
