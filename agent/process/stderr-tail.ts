import { redact } from './redact.ts'

/** The most of a stage's stderr that is kept, bytes. */
export const stderrTailBytes = 4096

/**
 * Keeps the end of a stage's stderr. Everything is taken in (a full pipe would block the tool), the last
 * 4 KiB stay.
 */
export class StderrTail {
  #kept: Buffer = Buffer.alloc(0)

  /** Takes a chunk in; any size, in any cut. */
  push(chunk: Buffer): void {
    // Keeps up to twice the limit between cuts, so that a chatty tool does not cost a copy per chunk.
    const joined = chunk.length >= 2 * stderrTailBytes ? chunk : Buffer.concat([this.#kept, chunk])
    this.#kept = joined.length > 2 * stderrTailBytes ? Buffer.from(joined.subarray(-stderrTailBytes)) : joined
  }

  /** The tail as the tool wrote it: for parsing only, never for people or records. */
  get raw(): string {
    return this.#kept.subarray(-stderrTailBytes).toString('utf8')
  }

  /** The tail with secrets removed, for records, errors and people. */
  get text(): string {
    return redact(this.raw).trim()
  }
}
