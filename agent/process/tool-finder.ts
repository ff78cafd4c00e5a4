import { access, constants, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'
import type { FoundTool, ToolFinder } from '../engines/port.ts'
import { childEnvironment } from './environment.ts'
import { saidOfVersion } from './version-text.ts'

/** The Debian package of each tool Holdfast may ask for; `{major}` tools are searched per version by engines. */
const packages: Readonly<Record<string, string>> = {
  pv: 'pv',
  zstd: 'zstd',
  gzip: 'gzip',
  xz: 'xz-utils',
  bzip2: 'bzip2',
  age: 'age',
  'age-keygen': 'age',
  setpriv: 'util-linux',
  ionice: 'util-linux',
  nice: 'coreutils',
  mkfifo: 'coreutils',
  tee: 'coreutils',
  dd: 'coreutils',
  tail: 'coreutils',
  wc: 'coreutils',
  pg_dump: 'postgresql-client',
  pg_dumpall: 'postgresql-client',
  pg_restore: 'postgresql-client',
  psql: 'postgresql-client',
  mysql: 'default-mysql-client',
  mysqldump: 'default-mysql-client',
  mariadb: 'mariadb-client',
  'mariadb-dump': 'mariadb-client',
}

/** Where tools are looked for. */
export interface ToolFinderOptions {
  /** Tool name → absolute path, from the configuration; an entry here is the only place looked at. */
  readonly paths?: Readonly<Record<string, string>>
  /** Folders searched before PATH. */
  readonly folders?: readonly string[]
  /** In place of the process's own PATH. */
  readonly path?: string
}

/**
 * Finds the tools of this host: the configured path, else the caller's folders, the configured folders and
 * PATH, in this order. What was found is remembered until the file changes.
 *
 * @throws AppError `tool.missing` from `find`: which, where searched, what to install
 */
export function createToolFinder(options: ToolFinderOptions = {}): ToolFinder {
  const versions = new Map<string, { readonly stamp: string; readonly version: string }>()
  const pathFolders = (options.path ?? childEnvironment()['PATH'] ?? '').split(delimiter).filter(isAbsolute)

  async function versionOf(path: string, stamp: string): Promise<string> {
    const known = versions.get(path)
    if (known?.stamp === stamp) return known.version
    const said = await saidOfVersion(path)
    // bzip2 goes on to compress its input after it told its version: what is no text is not of the answer
    const version =
      said
        .split('\n')
        .find(line => /^[\t -~\u00a0-\uffff]*$/.test(line) && line.trim() !== '')
        ?.trim() ?? ''
    versions.set(path, { stamp, version })
    return version
  }

  return {
    async find(names, folders = [], want = 'version') {
      const searched: string[] = []
      for (const name of names) {
        const configured = options.paths?.[name]
        const places =
          configured === undefined
            ? [...folders, ...(options.folders ?? []), ...pathFolders].map(folder => join(folder, name))
            : [configured]
        for (const path of places) {
          searched.push(path)
          const stamp = await executableStamp(path)
          if (stamp !== undefined)
            return {
              name,
              path,
              version: want === 'path' ? '' : await versionOf(path, stamp),
            } satisfies FoundTool
        }
      }
      throw missing(names, searched)
    },
  }
}

/** Something that changes when the program at `path` does; undefined when there is no program. */
async function executableStamp(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK)
    const found = await stat(path)
    return found.isFile() ? `${found.ino}:${found.mtimeMs}:${found.size}` : undefined
  } catch {
    return undefined
  }
}

function missing(names: readonly string[], searched: readonly string[]): AppError {
  const wanted = [...new Set(names.map(name => packages[name]).filter(found => found !== undefined))]
  return new AppError('tool.missing', {
    message: `${names.join(' or ')} was not found on this host`,
    ...(wanted.length > 0
      ? {
          hint: `Install the Debian package ${wanted.join(' or ')}, or set the path of the tool in the agent configuration.`,
        }
      : {}),
    context: {
      tool: names.join(', '),
      searched,
      ...(wanted.length > 0 ? { package: wanted.join(', ') } : {}),
    },
  })
}
