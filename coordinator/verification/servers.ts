import type { EngineKind } from '../../shared/model/engine.ts'
import type { VerifyServer } from '../store/records.ts'

/** How well a throw-away server fits a backup: of the same line (0), or of a newer one (1). */
export type Fit = 0 | 1

/**
 * The best of some server programs for a backup; undefined: none will do. Of the same engine, and of no older line (major
 * of PostgreSQL, series of MySQL and MariaDB) than the server the backup was made of: what a newer one wrote an older one
 * may not read. Agents choose by the same rule.
 */
export function fitOf(
  servers: readonly VerifyServer[],
  engine: EngineKind,
  serverVersion: string,
): Fit | undefined {
  const wanted = lineOf(engine, serverVersion)
  let best: Fit | undefined
  for (const server of servers) {
    if (server.engine !== engine) continue
    const newer = compare(lineOf(engine, server.version), wanted)
    if (newer < 0) continue
    const fit = newer === 0 ? 0 : 1
    if (best === undefined || fit < best) best = fit
  }
  return best
}

/** Why nobody can verify a backup, and what would help. */
export function noVerifierText(engine: EngineKind, serverVersion: string): string {
  const line = lineOf(engine, serverVersion).join('.')
  return `no agent has a ${engine} server of ${line === '' ? 'any version' : `version ${line} or newer`} to restore into; give one \`verify\` in its configuration`
}

/** `10.11.6-MariaDB-log` is of 10.11; what names no number is older than everything. */
function lineOf(engine: EngineKind, version: string): readonly number[] {
  return (/\d+(\.\d+)*/.exec(version)?.[0] ?? '')
    .split('.')
    .flatMap(each => (each === '' ? [] : Number(each)))
    .slice(0, engine === 'postgres' ? 1 : 2)
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const by = (a[i] ?? 0) - (b[i] ?? 0)
    if (by !== 0) return by
  }
  return 0
}
