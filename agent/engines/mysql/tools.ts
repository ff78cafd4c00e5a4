import { AppError } from '../../../shared/errors/index.ts'
import type { EngineContext, FoundTool } from '../port.ts'
import type { Dialect } from './dialect.ts'

/** A version as numbers: major, minor, patch. */
export type Version = readonly [number, number, number]

/**
 * Reads the server or product version out of what servers and tools print: `10.11.19-MariaDB-1`,
 * `mysqldump  Ver 9.7.4 for Linux`, `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for …` and
 * `mariadb from 11.4.2-MariaDB, client 15.2`.
 */
export function versionOf(text: string): Version | undefined {
  const match =
    /(?:Distrib|from)\s+(\d+)\.(\d+)\.(\d+)/.exec(text) ??
    /Ver\s+(\d+)\.(\d+)\.(\d+)/.exec(text) ??
    /^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(text)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])]
}

/** Whether `one` is of an older release series (major.minor) than `other`. */
export function olderSeries(one: Version, other: Version): boolean {
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1])
}

/**
 * Finds a tool of the server's own family: MariaDB's cannot log in to a MySQL 9, MySQL's knows no sequences,
 * and both lose things of the other in silence. Errors: `tool.missing`, also when only the other's is there.
 */
export async function findOwnTool(
  dialect: Dialect,
  names: readonly string[],
  context: EngineContext,
): Promise<FoundTool> {
  let foreign: FoundTool | undefined
  let missing: unknown
  for (const name of names) {
    try {
      const tool = await context.tools.find([name])
      if (dialect.isOwnTool(tool.version)) return tool
      foreign = tool
    } catch (thrown) {
      missing = thrown
    }
  }
  if (foreign === undefined) throw missing
  throw new AppError('tool.missing', {
    message: `${names.join(' or ')} of ${dialect.title} was not found on this host`,
    hint: `Install the client of ${dialect.title}; another family's client loses data in silence.`,
    context: { tool: names.join(', '), found: foreign.path, version: foreign.version },
  })
}

/** Refuses a tool of an older series than the server. Errors: `tool.too-old`. */
export function demandSeries(tool: FoundTool, server: string): void {
  const own = versionOf(tool.version)
  const needed = versionOf(server)
  if (needed === undefined || (own !== undefined && !olderSeries(own, needed))) return
  throw new AppError('tool.too-old', {
    message: `${tool.name} is of version ${own?.join('.') ?? 'unknown'}, the server of ${needed.join('.')}`,
    hint: `Install client tools of version ${needed[0]}.${needed[1]} or newer.`,
    context: { tool: tool.name, path: tool.path, version: tool.version, server },
  })
}

/** Whether this client understands the line that switches on its sandbox, with which newer dumps begin. */
export function knowsSandbox(dialect: Dialect, client: Version): boolean {
  const since = dialect.sandboxSince[`${client[0]}.${client[1]}`]
  if (since !== undefined) return client[2] >= since
  return dialect.sandboxSeries === undefined || !olderSeries(client, [...dialect.sandboxSeries, 0])
}
