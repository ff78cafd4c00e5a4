import type { EngineKind } from '../../shared/model/engine.ts'
import type { VerifyServer } from '../store/records.ts'

/** How well a throw-away server fits a backup: of the same line (0), or of a newer one (1). */
export type Fit = 0 | 1

/**
 * The best of some server programs for a backup; undefined: none will do. Of the same engine, never older than the
 * server the backup was made of: what a newer one wrote an older one may not read.
 */
export function fitOf(
  servers: readonly VerifyServer[],
  engine: EngineKind,
  serverVersion: string,
): Fit | undefined {
  const wanted = numbersOf(serverVersion)
  let best: Fit | undefined
  for (const server of servers) {
    if (server.engine !== engine) continue
    const version = numbersOf(server.version)
    if (compare(version, wanted) < 0) continue
    const fit = lineOf(engine, version) === lineOf(engine, wanted) ? 0 : 1
    if (best === undefined || fit < best) best = fit
  }
  return best
}

/** Why nobody can verify a backup, and what would help. */
export function noVerifierText(engine: EngineKind, serverVersion: string): string {
  return `no agent has a ${engine} server of ${serverVersion === '' ? 'any version' : `version ${serverVersion} or newer`} to restore into; give one \`verify\` in its configuration`
}

/** `10.11.6-MariaDB-log` is 10, 11, 6; what names no number is older than everything. */
function numbersOf(version: string): readonly number[] {
  return (/\d+(\.\d+)*/.exec(version)?.[0] ?? '')
    .split('.')
    .flatMap(each => (each === '' ? [] : Number(each)))
}

function lineOf(engine: EngineKind, numbers: readonly number[]): string {
  return numbers.slice(0, engine === 'postgres' ? 1 : 2).join('.')
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const by = (a[i] ?? 0) - (b[i] ?? 0)
    if (by !== 0) return by
  }
  return 0
}
