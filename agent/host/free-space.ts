import { statfs } from 'node:fs/promises'

/** What a process without privileges can still write to the file system of `folder`, bytes. @throws what statfs throws */
export async function freeSpace(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
