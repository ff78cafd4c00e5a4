import type { Duration } from './instant.ts'

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Reads a duration such as `90s`, `1h30m`, `24h`, `7d`, `250ms`. Units: ms s m h d w, each at most once per
 * term, no signs, no spaces. Returns undefined for anything else; zero is a duration.
 */
export function parseDuration(text: string): Duration | undefined {
  if (!/^(\d+(ms|s|m|h|d|w))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d|w)/g))
    total += Number(amount) * (units[unit ?? ''] ?? Number.NaN)
  return Number.isSafeInteger(total) ? total : undefined
}

/** Writes a duration for people with its two largest units: `2d 4h`, `1h 5m`, `12s`, `340ms`. */
export function formatDuration(duration: Duration): string {
  const sign = duration < 0 ? '-' : ''
  let rest = Math.abs(Math.round(duration))
  if (rest < 1_000) return `${sign}${rest}ms`
  const parts: string[] = []
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = units[unit] ?? 1
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return sign + parts.join(' ')
}
