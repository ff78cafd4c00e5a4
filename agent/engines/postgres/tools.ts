import { AppError } from '../../../shared/errors/index.ts'
import type { EngineContext, FoundTool } from '../port.ts'

/** The client tools of PostgreSQL that Holdfast runs. */
export type PostgresTool = 'pg_dump' | 'pg_dumpall' | 'pg_restore'

/** How many majors above the asked one are looked for; one appears a year. */
const majorsAhead = 8

/** The major version out of a `--version` line such as `pg_dump (PostgreSQL) 15.18 (Debian …)`. */
export function majorOf(versionLine: string): number | undefined {
  const match = /(?:PostgreSQL\)?|^)\s*(\d+)(?:\.\d+|devel|beta|rc)?/.exec(versionLine)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/**
 * Where packages put each version's own programs, nearest version first. `/usr/bin/pg_dump` on Debian is a
 * Perl wrapper that picks a version by itself, so PATH comes last.
 */
export function versionedFolders(major: number): readonly string[] {
  return Array.from({ length: majorsAhead + 1 }, (_, ahead) => major + ahead).flatMap(version => [
    `/usr/lib/postgresql/${version}/bin`,
    `/usr/pgsql-${version}/bin`,
  ])
}

/**
 * Finds a tool whose major version is at least `major`: an older pg_dump refuses a newer server, an older
 * pg_restore cannot read a newer archive. Errors: `tool.missing`, `tool.too-old`.
 */
export async function findTool(
  name: PostgresTool,
  major: number,
  context: EngineContext,
): Promise<FoundTool> {
  const tool = await context.tools.find([name], versionedFolders(major))
  const found = majorOf(tool.version)
  if (found === undefined || found < major)
    throw new AppError('tool.too-old', {
      message: `${name} is of version ${found ?? 'unknown'}, ${major} or newer is needed`,
      hint: `Install postgresql-client-${major} or newer.`,
      context: { tool: name, path: tool.path, version: tool.version, needed: major },
    })
  return tool
}
