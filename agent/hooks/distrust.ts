import { accessSync, constants, lstatSync, realpathSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'

const writableByOthers = 0o022
const sticky = 0o1000

/**
 * Why a file must not decide what runs on this host; undefined when it may. It has to belong to root or to the agent's
 * user, and neither it nor a folder on the way to it, links followed, may be written by anybody else: who can write to
 * a folder can put another file in its place. In a sticky folder such as `/tmp` they cannot.
 *
 * @param runs whether it must be executable, too
 */
export function distrust(path: string, { runs }: { readonly runs: boolean }): string | undefined {
  let real: string
  try {
    real = realpathSync(path)
    const file = lstatSync(real)
    if (!file.isFile()) return `${path} is not a file`
    const problem = ofOthers(real, file)
    if (problem !== undefined) return problem
    for (const folder of new Set([...foldersOf(path), ...foldersOf(real)])) {
      const stats = lstatSync(folder)
      // the folders of where it leads are looked at themselves
      if (stats.isSymbolicLink()) continue
      const problem = (stats.mode & sticky) === 0 ? ofOthers(folder, stats) : notOurs(folder, stats)
      if (problem !== undefined) return problem
    }
  } catch (thrown) {
    return `${path} cannot be looked at: ${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}`
  }
  if (!runs) return undefined
  try {
    accessSync(real, constants.X_OK)
  } catch {
    return `${path} cannot be executed by the agent's user`
  }
  return undefined
}

function ofOthers(path: string, stats: Stats): string | undefined {
  if ((stats.mode & writableByOthers) !== 0)
    return `${path} may be written by its group or by others (mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')})`
  return notOurs(path, stats)
}

function notOurs(path: string, { uid }: Stats): string | undefined {
  return uid === 0 || uid === process.geteuid?.()
    ? undefined
    : `${path} belongs to user ${uid}, who is neither root nor the agent's user`
}

/** Every folder above a path, up to the root. */
function foldersOf(path: string): readonly string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...foldersOf(folder)]
}
