import type { Millis } from '../../../shared/time/index.ts'
import type { AlertRecord } from '../../store/records.ts'
import type { AlertRules } from './settings.ts'

type Flapping = AlertRules['flapping']

/** When a key opened lately, now included. */
export function openingsOf(
  last: AlertRecord | undefined,
  now: Millis,
  { within }: Flapping,
): readonly Millis[] {
  const before = last === undefined ? [] : (last.openings ?? [last.openedAt])
  // more than a few say nothing new
  return [...before.filter(at => now - at < within), now].slice(-20)
}

/** Whether it comes and goes: then people are told once that it does, and its end waits for a time of calm. */
export function isFlapping(openings: readonly Millis[], { openings: many }: Flapping): boolean {
  return openings.length >= many
}

/** `…; comes and goes (3 times in a day)`, without a count that would change at every turn. */
export function flappingText(summary: string, flapping: Flapping): string {
  return `${summary}; it comes and goes (at least ${flapping.openings} times lately)`
}
