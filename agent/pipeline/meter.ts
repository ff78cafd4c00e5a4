import type { Command } from '../process/index.ts'

/** Name of the meter's stage in reports. */
export const meterName = 'meter'

/**
 * The meter: `pv` moves the bytes on in the kernel (splice) and prints its exact count every second and at
 * the end. `/proc/<pid>/io` is not exact (facts-databases §7).
 */
export class Meter {
  readonly #onCount: ((bytes: number) => void) | undefined
  #rest = ''
  #bytes: number | undefined
  #said = ''

  constructor(onCount?: (bytes: number) => void) {
    this.#onCount = onCount
  }

  /** @param pv absolute path */
  static command(pv: string): Command {
    return { name: meterName, program: pv, args: ['-n', '-b', '-i', '1'] }
  }

  /** Takes pv's stderr in. */
  read(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split(/[\r\n]+/)
    this.#rest = lines.pop()?.slice(-256) ?? ''
    for (const line of lines) {
      if (/^\d+$/.test(line)) {
        this.#bytes = Number(line)
        this.#onCount?.(this.#bytes)
      } else if (line !== '') this.#said = `${this.#said}${line}\n`.slice(-4096)
    }
  }

  /** The last count; exact once pv closed with 0. */
  get bytes(): number | undefined {
    return this.#bytes
  }

  /** What pv said besides counting. */
  get said(): string {
    return this.#said.trim()
  }
}

/** The last whole count in what pv wrote; for a pv of which nobody asks how far it is. */
export function lastCount(stderr: string): number | undefined {
  const counts = stderr.split(/[\r\n]+/).filter(line => /^\d+$/.test(line))
  return counts.length === 0 ? undefined : Number(counts.at(-1))
}
