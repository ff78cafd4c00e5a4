import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Writes bytes so that they outlive a power cut: file, fsync, rename into place, fsync of the folder. */
export async function writeDurably(path: string, bytes: Uint8Array, temporaryFolder: string): Promise<void> {
  const temporary = await writeTemporary(bytes, temporaryFolder)
  try {
    await rename(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
  await syncFolder(dirname(path))
}

/** A file of its own in `folder`, written and synced. */
export async function writeTemporary(bytes: Uint8Array, folder: string): Promise<string> {
  const path = join(folder, randomUUID())
  try {
    await using file = await open(path, 'wx', 0o600)
    await writeAll(file, bytes, 0)
    await file.sync()
    return path
  } catch (thrown) {
    await rm(path, { force: true })
    throw thrown
  }
}

/** Writes all of `bytes` at `position`, however many calls that takes. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset, position + offset)
    offset += bytesWritten
  }
}

/** Makes a folder and its parents below `root`, each entry synced into its own parent. `root` must exist. */
export async function makeFolder(path: string, root: string): Promise<void> {
  if (path === root) return
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || path.length <= root.length) throw thrown
    await makeFolder(dirname(path), root)
    await mkdir(path, { mode: 0o700 }).catch(again => {
      if ((again as NodeJS.ErrnoException).code !== 'EEXIST') throw again
    })
  }
  await syncFolder(dirname(path))
}

/** Makes the entries of a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}
