import { accessSync, constants, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Folder for fetched servers and prepared data, outside the work tree: `$HOLDFAST_CACHE`, else `$XDG_CACHE_HOME/holdfast`, else
 * `~/.cache/holdfast`. Root's home is usually closed to others, while PostgreSQL, which refuses root, must read its programs as nobody:
 * then it is `/var/cache/holdfast`.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['HOLDFAST_CACHE']) return env['HOLDFAST_CACHE']
  if (env['XDG_CACHE_HOME']) return join(env['XDG_CACHE_HOME'], 'holdfast')
  const home = homedir()
  if (process.getuid?.() === 0 && !openToOthers(home)) return '/var/cache/holdfast'
  return join(home, '.cache', 'holdfast')
}

function openToOthers(folder: string): boolean {
  try {
    return (statSync(folder).mode & 0o001) !== 0
  } catch {
    return false
  }
}

/** Whether the file is there and may be executed by this user. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
