/** The tool prints so much before it has to ask for the first table; its position stands in it. */
export const headBytes = 4_096

/** What only comes after the tool has taken its snapshot. */
const afterSnapshot =
  /^-- (Table structure|Temporary table structure|Temporary view structure|Sequence structure|Dumping |Final view structure|Dump completed)/m
const position = /^-- CHANGE MASTER TO MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+);$/m

/**
 * The first bytes of a dump tool's stream, as they come. The tool keeps them back until it has some kilobytes, so
 * that whatever comes, comes after its snapshot; what it says is looked at all the same.
 */
export class DumpHead {
  #text = ''
  #begun = false
  readonly #beginning = Promise.withResolvers<void>()

  /** Whether the tool has its snapshot for certain. */
  get begun(): boolean {
    return this.#begun
  }

  /** Of the tool's snapshot in the binary log, `file:position`; undefined where it was not asked for, or did not come. */
  get position(): string | undefined {
    const [, file, offset] = position.exec(this.#text) ?? []
    return file === undefined ? undefined : `${file}:${offset}`
  }

  take(chunk: Buffer): void {
    if (this.#begun) return
    this.#text += chunk.toString('latin1').slice(0, headBytes * 4)
    if (afterSnapshot.test(this.#text)) this.end()
  }

  /** Nothing more will come. */
  end(): void {
    this.#begun = true
    this.#beginning.resolve()
  }

  /** Resolves once it has begun. */
  get beginning(): Promise<void> {
    return this.#beginning.promise
  }
}
