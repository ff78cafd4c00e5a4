export { type Clock, systemClock } from './clock.ts'
export { newId } from './ids.ts'
export { LoopShare } from './loop-share.ts'
