import { formatDuration } from '../../shared/time/index.ts'

/** Bytes for people: `0 B`, `512 B`, `1.5 KiB`, `203 MiB`; three digits at most before the unit changes. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** How long ago an instant was, or how far ahead: `3m ago`, `in 5h`, `never` for 0. */
export function ago(at: number, now: number): string {
  if (at === 0) return 'never'
  const distance = now - at
  if (Math.abs(distance) < 1000) return 'now'
  return distance > 0 ? `${shortDuration(distance)} ago` : `in ${shortDuration(-distance)}`
}

/** A duration for a narrow column, in one unit that still tells something: `45s`, `90s`, `12m`, `30h`, `3d`. */
export function shortDuration(duration: number): string {
  if (duration < 1_000) return formatDuration(duration)
  if (duration < 120_000) return `${Math.floor(duration / 1_000)}s`
  if (duration < 7_200_000) return `${Math.floor(duration / 60_000)}m`
  if (duration < 172_800_000) return `${Math.floor(duration / 3_600_000)}h`
  return `${Math.floor(duration / 86_400_000)}d`
}

/** An instant as ISO 8601 UTC to the second, or `-` for 0. */
export function instant(at: number): string {
  return at === 0 ? '-' : `${new Date(at).toISOString().slice(0, 19)}Z`
}
