export { formatDuration, parseDuration } from './duration.ts'
export { type Duration, isoOf, type Millis, type Now } from './instant.ts'
export { instantOf, isZone, localDay, localTime, weekdayOf } from './zone.ts'
