/**
 * Sizes in the age v1 format (age-encryption.org/v1): a textual header, a nonce, and the plaintext in chunks, each
 * with a tag. age prints no totals; since its output's length follows from the input's and back, what it wrote
 * tells exactly how much it encrypted.
 */

const nonceBytes = 16
const chunkBytes = 64 * 1024
const tagBytes = 16

/** A header longer than this is none: thousands of recipients fit. */
const longestHeader = 4 << 20
const newline = 0x0a

/**
 * How many bytes a payload (what follows the header) of this many bytes encrypts; undefined when no payload has
 * that length. Only nothing at all has an empty chunk.
 */
export function plaintextBytes(payload: number): number | undefined {
  const body = payload - nonceBytes
  if (body < tagBytes) return undefined
  const chunks = Math.ceil(body / (chunkBytes + tagBytes))
  const plain = body - chunks * tagBytes
  if (plain === 0) return body === tagBytes ? 0 : undefined
  return Math.max(1, Math.ceil(plain / chunkBytes)) === chunks ? plain : undefined
}

/** How many bytes a payload has that encrypts so many. */
export function payloadBytes(plaintext: number): number {
  return nonceBytes + plaintext + Math.max(1, Math.ceil(plaintext / chunkBytes)) * tagBytes
}

/** Watches an age file go by: where its header ends, and how long it is. */
export class AgeCount {
  #bytes = 0
  #header: number | undefined
  /** The line being read, while the header lasts. */
  #line: number[] = []
  #broken = false

  /** Takes the next bytes of the file in. */
  take(chunk: Uint8Array): void {
    for (let at = 0; this.#header === undefined && !this.#broken && at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      // the header's last line is `--- ` and its MAC; only a line's beginning matters
      if (byte !== newline) {
        if (this.#line.length < 4) this.#line.push(byte)
      } else {
        if (String.fromCharCode(...this.#line) === '--- ') this.#header = this.#bytes + at + 1
        this.#line = []
      }
      if (this.#bytes + at > longestHeader) this.#broken = true
    }
    this.#bytes += chunk.length
  }

  /** Exact bytes that were encrypted, from what went by so far; undefined when that is no whole age file. */
  get plaintextBytes(): number | undefined {
    return this.#header === undefined ? undefined : plaintextBytes(this.#bytes - this.#header)
  }
}
