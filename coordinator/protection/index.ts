export { protectionOf } from './clock.ts'
export {
  furtherGapReasons,
  type GapReason,
  gapReasons,
  isObstacle,
  type Protection,
  type ProtectionInput,
} from './protection.ts'
