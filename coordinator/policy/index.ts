export { choosePolicy, type PolicyChoice, type PolicyReason } from './choose.ts'
export { type DueInput, dueSlot, nextDue } from './due.ts'
export type { Policy, PolicyEncryption, PolicySelector, PolicySubject, Schedule } from './policy.ts'
export { policyVersion } from './version.ts'
