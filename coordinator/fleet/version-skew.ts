const levels = ['major', 'minor', 'patch'] as const

/**
 * How far an agent's version is from ours, for people: `same`, `1 minor older`, `2 major newer`, `other build` where
 * only what follows the numbers differs, `unknown` for what is no version.
 */
export function versionSkew(agent: string, own: string): string {
  if (agent === own) return 'same'
  const [theirs, ours] = [numbersOf(agent), numbersOf(own)]
  if (theirs === undefined || ours === undefined) return 'unknown'
  for (const [n, level] of levels.entries()) {
    const distance = (theirs[n] ?? 0) - (ours[n] ?? 0)
    if (distance !== 0) return `${Math.abs(distance)} ${level} ${distance > 0 ? 'newer' : 'older'}`
  }
  return 'other build'
}

function numbersOf(version: string): readonly number[] | undefined {
  return /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+].*)?$/.exec(version)?.slice(1).map(Number)
}
