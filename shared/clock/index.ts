export { type Clock, systemClock } from './clock.ts'
export { newId } from './ids.ts'
