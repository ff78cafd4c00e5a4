import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from '../../../agent/process/index.ts'

/** A temporary folder of fake tools: small shell scripts with the faults a test wants. */
export class Scripts {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Scripts> {
    return new Scripts(await mkdtemp(join(tmpdir(), 'holdfast-scripts-')))
  }

  /** Writes an executable shell script and returns its path. */
  async script(name: string, body: string): Promise<string> {
    await mkdir(this.folder, { recursive: true })
    const path = join(this.folder, name)
    await writeFile(path, `#!/bin/sh\n${body}\n`)
    await chmod(path, 0o755)
    return path
  }

  /** The same as a command. */
  async command(name: string, body: string, args: readonly string[] = []): Promise<Command> {
    return { name, program: await this.script(name, body), args }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
