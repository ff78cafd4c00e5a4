import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Per cent of the last ten seconds in which some task waited for it; undefined is unknown, not none. */
export interface PressureReading {
  readonly cpu: number | undefined
  readonly memory: number | undefined
  readonly io: number | undefined
}

/** `some avg10` of a file of /proc/pressure; undefined when it does not say. */
export function someOf(text: string): number | undefined {
  const [, value] = /^some avg10=(\d+(?:\.\d+)?)\b/m.exec(text) ?? []
  const share = Number(value)
  return value === undefined || share > 100 ? undefined : share
}

/** The host's pressure; undefined where the kernel tells none (no PSI, or switched off). Never rejects. */
export async function readPressure(folder = '/proc/pressure'): Promise<PressureReading | undefined> {
  const one = async (name: string) => someOf(await readFile(join(folder, name), 'utf8').catch(() => ''))
  const [cpu, memory, io] = await Promise.all([one('cpu'), one('memory'), one('io')])
  return cpu === undefined && memory === undefined && io === undefined ? undefined : { cpu, memory, io }
}
