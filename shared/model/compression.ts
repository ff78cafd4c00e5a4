import type { Codec } from './engine.ts'

/** How a stream is compressed. What is absent is the tool's or our default. */
export interface Compression {
  readonly codec: Codec
  readonly level?: number
  /** zstd's long mode: log2 of the window in bytes. */
  readonly long?: number
  readonly threads?: number
}

/** A range of whole numbers, both ends included. */
export interface Range {
  readonly least: number
  readonly most: number
}

/** What a codec can be told. An absent range: the codec has no such thing. */
export interface CodecTraits {
  readonly level?: Range & { readonly standard: number }
  readonly long?: Range
  readonly threads?: Range
}

const threads: Range = { least: 1, most: 64 }

/** Ranges are those of the standard tools; xz's level 0 and zstd's above 19 (`--ultra`) are left out on purpose: 0 means "not told" on the wire, and the memory of `--ultra` is nothing for a database host (P6). zstd's standard is not its tool's 3: ADR 0160. */
export const codecTraits: Readonly<Record<Codec, CodecTraits>> = {
  zstd: { level: { least: 1, most: 19, standard: 1 }, long: { least: 10, most: 31 }, threads },
  gzip: { level: { least: 1, most: 9, standard: 6 } },
  xz: { level: { least: 1, most: 9, standard: 6 }, threads },
  bzip2: { level: { least: 1, most: 9, standard: 9 } },
  none: {},
}

/** What is wrong with a compression, key by key; empty is well. */
export function compressionProblems(
  compression: Compression,
): readonly { readonly key: 'level' | 'long' | 'threads'; readonly text: string }[] {
  const { codec } = compression
  const traits = codecTraits[codec]
  return (['level', 'long', 'threads'] as const).flatMap(key => {
    const value = compression[key]
    if (value === undefined) return []
    const range = traits[key]
    if (range === undefined) return [{ key, text: `must not be given: ${codec} has none` }]
    return Number.isInteger(value) && value >= range.least && value <= range.most
      ? []
      : [{ key, text: `expected a whole number from ${range.least} to ${range.most} for ${codec}` }]
  })
}
