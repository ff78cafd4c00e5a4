import { readFile, realpath, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A file system and what of ours lies on it; sizes in bytes. */
export interface DiskReading {
  readonly path: string
  readonly purposes: readonly string[]
  readonly totalBytes: number
  /** For a process without privileges. */
  readonly freeBytes: number
  /** What the agent leaves free there. */
  readonly reserveBytes: number
}

/** A folder of ours whose file system matters. */
export interface WatchedFolder {
  readonly purpose: 'state' | 'staging'
  readonly path: string
  readonly reserveBytes?: number
}

interface Mount {
  readonly device: string
  readonly path: string
  /** Of a block device of this host: one that is asked for cannot hang, as a network's can. */
  readonly local: boolean
}

/** More than a host that is looked after has; the rest is left out. */
const mostDisks = 32

/** The mounts of /proc/self/mountinfo, in its order. */
export function mountsOf(text: string): readonly Mount[] {
  return text.split('\n').flatMap(line => {
    const fields = line.split(' ')
    const divider = fields.indexOf('-')
    const [device, path, type, source] = [fields[2], fields[4], fields[divider + 1], fields[divider + 2]]
    if (divider < 0 || device === undefined || path === undefined || source === undefined) return []
    const readOnly = fields[5]?.split(',').includes('ro') ?? false
    const local = !readOnly && (source.startsWith('/dev/') || type === 'zfs')
    // the kernel writes a space as \040
    return [{ device, path: path.replace(/\\(\d{3})/g, (_, octal) => charOf(octal)), local }]
  })
}

function charOf(octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8))
}

/**
 * The file systems of this host: those of its own block devices, each once, and those our folders lie on, whatever
 * they are. What cannot be asked is left out. Never rejects.
 */
export async function readDisks(
  folders: readonly WatchedFolder[],
  mountinfo = '/proc/self/mountinfo',
): Promise<readonly DiskReading[]> {
  const mounts = mountsOf(await readFile(mountinfo, 'utf8').catch(() => ''))
  const wanted = new Map<string, { purposes: string[]; reserve: number }>()
  for (const { purpose, path, reserveBytes = 0 } of folders) {
    const mount = mountOf(await nearest(path), mounts)
    const known = wanted.get(mount) ?? { purposes: [], reserve: 0 }
    known.purposes.push(purpose)
    known.reserve = Math.max(known.reserve, reserveBytes)
    wanted.set(mount, known)
  }
  const devices = new Set(mounts.filter(({ path }) => wanted.has(path)).map(({ device }) => device))
  for (const { device, path, local } of mounts)
    if (local && !devices.has(device) && (await isFolder(path))) {
      devices.add(device)
      wanted.set(path, { purposes: ['data'], reserve: 0 })
    }
  const disks = await Promise.all(
    [...wanted].slice(0, mostDisks).map(async ([path, { purposes, reserve }]) => {
      const found = await statfs(path).catch(() => undefined)
      if (found === undefined || found.blocks === 0) return []
      const { blocks, bavail, bsize } = found
      return [
        {
          path,
          purposes,
          totalBytes: blocks * bsize,
          freeBytes: bavail * bsize,
          reserveBytes: reserve,
        },
      ]
    }),
  )
  return disks.flat()
}

/** The folder itself or, while it is not made yet, what it will be made in. */
async function nearest(path: string): Promise<string> {
  const found = await realpath(path).catch(() => undefined)
  if (found !== undefined) return found
  const above = dirname(path)
  return above === path ? path : nearest(above)
}

/** Where the file system that holds `path` is mounted; without mounts to go by the path itself. */
function mountOf(path: string, mounts: readonly Mount[]): string {
  let best: string | undefined
  for (const { path: at } of mounts)
    if (
      (path === at || path.startsWith(at.endsWith('/') ? at : `${at}/`)) &&
      at.length >= (best?.length ?? 0)
    )
      best = at
  return best ?? path
}

/** Files can be mounted too, as containers do. */
async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}
