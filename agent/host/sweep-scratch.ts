import { rm } from 'node:fs/promises'

/**
 * Empties the scratch folder of a former process: it held option files with passwords, and nothing that
 * anyone needs. Only under the lock of the state folder.
 */
export async function sweepScratch(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}
