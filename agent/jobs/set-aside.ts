import type { Log } from '../../shared/log/index.ts'
import type { DurableFolder } from '../identity/index.ts'

/**
 * Reads the entries of a folder. What is torn or foreign is moved to `aside`, with a line in the log, so that
 * a person can look and the agent goes on: a file it did not write must not stop backups.
 */
export async function readEntries<T>(
  folder: DurableFolder,
  aside: DurableFolder,
  parse: (name: string, content: unknown) => T,
  log: Log,
): Promise<T[]> {
  const entries: T[] = []
  for (const name of await folder.names()) {
    const bytes = await folder.read(name)
    if (bytes === undefined) continue
    try {
      entries.push(parse(name, JSON.parse(bytes.toString('utf8'))))
    } catch (thrown) {
      await folder.move(name, aside)
      log.warn('a file of the state folder is torn or foreign and was set aside', {
        file: `${folder.path}/${name}`,
        moved_to: `${aside.path}/${name}`,
        detail: thrown instanceof Error ? thrown.message.slice(0, 300) : String(thrown),
      })
    }
  }
  return entries
}
