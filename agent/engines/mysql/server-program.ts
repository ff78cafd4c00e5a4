import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FoundTool, ToolFinder } from '../port.ts'
import type { Dialect } from './dialect.ts'
import { olderSeries, type Version, versionOf } from './tools.ts'

/** A server program of this host, and what makes an empty data folder for it. */
export interface ServerProgram {
  readonly name: string
  readonly path: string
  readonly version: string
  /** Folder below which all of it lies: `/usr`, `/opt/mariadb-11.4`. */
  readonly base: string
  readonly installer: { readonly name: string; readonly path: string; readonly args: readonly string[] }
}

/** Folders that hold servers unpacked beside each other, `mariadb-11.4.2-linux-x86_64` and the like. */
const shelves = ['/opt', '/usr/local']
const folders = ['/usr/sbin', '/usr/local/sbin', '/usr/libexec', '/usr/local/mysql/bin', '/usr/local/bin']

/** Servers of the dialect's own family, the oldest first: those on PATH, in the usual folders, and unpacked ones. */
export async function findServers(tools: ToolFinder, dialect: Dialect): Promise<readonly ServerProgram[]> {
  const found = new Map<string, ServerProgram>()
  for (const folder of [undefined, ...folders, ...(await unpacked())])
    for (const name of dialect.server.programs) {
      const tool = await tools.find([name], folder === undefined ? [] : [folder]).catch(() => undefined)
      const program = tool === undefined ? undefined : await programOf(tool, tools, dialect)
      if (program !== undefined && !found.has(program.base)) found.set(program.base, program)
    }
  return [...found.values()].sort((a, b) => order(versionOf(a.version), versionOf(b.version)))
}

async function programOf(
  tool: FoundTool,
  tools: ToolFinder,
  { server, isOwnTool }: Dialect,
): Promise<ServerProgram | undefined> {
  const version = /\bVer\s+(\d+\.\d+\.\d+)/.exec(tool.version)?.[1]
  if (version === undefined || !isOwnTool(tool.version)) return undefined
  const base = dirname(dirname(tool.path))
  const { installers, installerArgs } = server
  if (installers.length === 0)
    return { ...tool, version, base, installer: { name: tool.name, path: tool.path, args: installerArgs } }
  const beside = ['bin', 'scripts', 'sbin'].map(folder => join(base, folder))
  const installer = await tools.find(installers, beside, 'path').catch(() => undefined)
  if (installer === undefined) return undefined
  return {
    ...{ name: tool.name, path: tool.path, version, base },
    installer: { name: installer.name, path: installer.path, args: installerArgs },
  }
}

async function unpacked(): Promise<readonly string[]> {
  const bins: string[] = []
  for (const shelf of shelves)
    for (const name of await readdir(shelf).catch(() => [] as string[]))
      if (/^(mariadb|mysql)-?\d/i.test(name)) bins.push(join(shelf, name, 'bin'))
  return bins
}

/** Of the backup's own series, else of the oldest newer one. Pure. */
export function chooseServer(versions: readonly string[], serverVersion: string): string | undefined {
  const wanted = versionOf(serverVersion)
  if (wanted === undefined) return undefined
  const fit = versions
    .map(text => ({ text, version: versionOf(text) }))
    .filter(({ version }) => version !== undefined && !olderSeries(version, wanted))
    .sort((a, b) => order(a.version, b.version))
  return fit[0]?.text
}

function order(one: Version | undefined, other: Version | undefined): number {
  const numbers = (version: Version | undefined) => version ?? [0, 0, 0]
  const [a, b] = [numbers(one), numbers(other)]
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
