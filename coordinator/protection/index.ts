export { protectionOf } from './clock.ts'
export { type GapReason, gapReasons, type Protection, type ProtectionInput } from './protection.ts'
