import type { HostReading } from './host-watch.ts'

/** From when on the agent stands back behind the host's own work; 0: never for that. */
export interface PressureLimits {
  /** Per cent of the last ten seconds in which some task waited for it. */
  readonly cpu: number
  readonly memory: number
  readonly io: number
  /** One-minute load average for each core. */
  readonly loadPerCore: number
  /** It never stands back below this, bytes a second: a backup that never ends holds a snapshot for ever. */
  readonly floor: number
}

/** How far the agent stands back: each level halves its rate, and from the first on no further stream begins. */
export interface Yielding {
  readonly level: number
  /** In words; empty at level 0. */
  readonly why: string
}

export const notYielding: Yielding = { level: 0, why: '' }
/** A sixteenth of the rate: more is no relief any more. */
const deepest = 4
/** Whatever the floor says, bytes a second: a rate near none would be a backup that never ends. */
const leastFloor = 1024 * 1024
/** Pressure must fall to this part of a limit before the agent comes forward again, a level a look. */
const relieved = 0.8

/** What a look at the host makes of how far the agent stands back. What is unknown presses nobody. */
export function yieldingAfter(former: Yielding, reading: HostReading, limits: PressureLimits): Yielding {
  const { pressure, load1, cores } = reading
  const pressing = (
    [
      ['cpu pressure', pressure?.cpu, limits.cpu, '%'],
      ['memory pressure', pressure?.memory, limits.memory, '%'],
      ['io pressure', pressure?.io, limits.io, '%'],
      ['load per core', load1 / Math.max(1, cores), limits.loadPerCore, ''],
    ] as const
  ).flatMap(([name, value, limit, unit]) =>
    limit > 0 && value !== undefined ? [{ name, value, limit, unit, share: value / limit }] : [],
  )
  const worst = pressing.reduce<(typeof pressing)[number] | undefined>(
    (most, each) => (most === undefined || each.share > most.share ? each : most),
    undefined,
  )
  if (worst === undefined) return notYielding
  const { share } = worst
  const level =
    share >= 1
      ? Math.min(deepest, former.level + 1)
      : share <= relieved
        ? Math.max(0, former.level - 1)
        : former.level
  if (level === 0) return notYielding
  const value = worst.unit === '%' ? Math.round(worst.value) : worst.value.toFixed(1)
  return { level, why: `${worst.name} ${value}${worst.unit} (limit ${worst.limit}${worst.unit})` }
}

/** The rate at a level. @param usual what was stored a second before, bytes @param most by configuration */
export function rateAt(
  level: number,
  usual: number,
  most: number | undefined,
  floor: number,
): number | undefined {
  if (level === 0) return most
  const rate = Math.max(floor, leastFloor, Math.round(usual / 2 ** level))
  return most === undefined ? rate : Math.min(most, rate)
}
