import { join } from 'node:path'
import { provision, provisionTool, type ServiceName } from '../../test/harness/index.ts'

/** Tools of the shell's side that may be absent, by what they are for. */
export interface Tools {
  /** Folders put in front of PATH. */
  readonly path: string
  /** Why a tool cannot be had. */
  readonly missing: ReadonlyMap<string, string>
}

/** Finds or fetches the tools of both sides. Nothing is installed that was not to be: see `deploy/services`. */
export async function findTools(tell: (line: string) => void): Promise<Tools> {
  const missing = new Map<string, string>()
  const folders: string[] = []
  for (const name of ['pv', 'zstd'] as const satisfies ServiceName[]) {
    const found = await provisionTool(name)
    if (!found.available) throw new Error(found.reason)
  }
  for (const name of ['awscli', 'rclone'] as const satisfies ServiceName[]) {
    tell(`looking for ${name}`)
    const found = await provision(name)
    if (found.available) folders.push(found.bin)
    else missing.set(name, found.reason)
  }
  return { path: [...folders, process.env['PATH'] ?? ''].join(':'), missing }
}

/** The agent's launcher. */
export const agentProgram = join(import.meta.dirname, '../../bin/holdfast-agent')
