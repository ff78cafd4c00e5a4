export { type Staging, StagingArea, type StagingAreaOptions } from './area.ts'
export {
  decideStrategy,
  type StagingSpace,
  type StrategyDecision,
  type StrategyFacts,
} from './decide.ts'
export { type SendRequest, sendStaged } from './send.ts'
