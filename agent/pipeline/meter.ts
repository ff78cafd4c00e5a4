import type { Command } from '../process/index.ts'

/** Name of the meter's stage in reports. */
export const meterName = 'meter'

/** dd's own account of what it copied; with `status=progress` also while it copies. */
const headCount = /^(\d+) bytes? (?:\(.*\) )?copied,/
/** dd's records, whole and partial, once it has ended. */
const headRecords = /^(\d+)\+(\d+) records (in|out)$/

/**
 * The meter: `pv` moves the bytes on in the kernel (splice) and prints its exact count every second and at
 * the end. `/proc/<pid>/io` is not exact (facts-databases §7). Where the head of a stream is copied to a tap, `dd`
 * passes that on first and counts it, and `pv` the rest: the sum is the count (ADR 0161).
 */
export class Meter {
  readonly #onCount: ((bytes: number) => void) | undefined
  readonly #headed: boolean
  #rest = ''
  #bytes: number | undefined
  #head = 0
  #records: { in?: string; out?: string } = {}
  #said = ''

  /** @param headed whether `dd` passes on the beginning and `pv` the rest */
  constructor(onCount?: (bytes: number) => void, headed = false) {
    this.#onCount = onCount
    this.#headed = headed
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
        this.#onCount?.(this.passed)
      } else if (this.#headed && this.#readHead(line)) this.#onCount?.(this.passed)
      else if (line !== '') this.#said = `${this.#said}${line}\n`.slice(-4096)
    }
  }

  /** The last count; exact once the meter closed with 0. Undefined when a part of it did not tell. */
  get bytes(): number | undefined {
    if (!this.#headed) return this.#bytes
    // what dd read and could not write shows in its records
    const { in: read, out: wrote } = this.#records
    return this.#bytes === undefined || read === undefined || read !== wrote
      ? undefined
      : this.#head + this.#bytes
  }

  /** What has passed so far, as far as it was told. */
  get passed(): number {
    return this.#head + (this.#bytes ?? 0)
  }

  /** Whether it counts every second even when nothing comes: `dd` does not. */
  get steady(): boolean {
    return !this.#headed || this.#bytes !== undefined
  }

  #readHead(line: string): boolean {
    const [, count] = headCount.exec(line) ?? []
    if (count !== undefined) this.#head = Number(count)
    const [, whole, part, way] = headRecords.exec(line) ?? []
    if (way === 'in' || way === 'out') this.#records[way] = `${whole}+${part}`
    return count !== undefined || way !== undefined
  }

  /** What it said besides counting. */
  get said(): string {
    return this.#said.trim()
  }
}

/** The last whole count in what pv wrote; for a pv of which nobody asks how far it is. */
export function lastCount(stderr: string): number | undefined {
  const counts = stderr.split(/[\r\n]+/).filter(line => /^\d+$/.test(line))
  return counts.length === 0 ? undefined : Number(counts.at(-1))
}
