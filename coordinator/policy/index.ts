export {
  type BookKind,
  type EffectivePolicy,
  type GivenSetting,
  PolicyBook,
  type PolicyMaker,
} from './book.ts'
export { cronProblem, longestPause, nextInstant } from './cron.ts'
export { changeText, diffPolicies, type PolicyChange } from './diff.ts'
export { type DueInput, dueAfter, dueSlot, nextDue } from './due.ts'
export { type Disagreement, groupOf, mergeRules } from './merge.ts'
export { pace, withPace } from './pace.ts'
export {
  hooksIn,
  type Policy,
  type PolicyEncryption,
  type PolicyHooks,
  type PolicySelector,
  type PolicySubject,
  type PolicyVerification,
  type ReplicaPreference,
  replicaPreferences,
  type Schedule,
} from './policy.ts'
export {
  compareRules,
  exactnessOf,
  type PolicyLayer,
  type PolicyRule,
  policyLayers,
  type SettingValues,
} from './rule.ts'
export { policyVersion } from './version.ts'
export { grantWish, rarerProofs, type WishVerdict, withImportance } from './wish.ts'
