export { type Brake, type BrakeRule, type BrakeShare, brakeOf } from './brake.ts'
export { type Expiry, type GraceStep, graceStep } from './grace.ts'
export {
  judgeRetention,
  type KeepCode,
  type KeepReason,
  keepCodes,
  keptUntil,
  type RetainedBackup,
  type RetentionCase,
  type RetentionVerdict,
} from './judge.ts'
export { type Period, periods, type RetentionRule, ruleText } from './rule.ts'
export { shortenings } from './shorten.ts'
