import { availableParallelism } from 'node:os'
import type { Codec } from '../../shared/model/engine.ts'

/** What a codec's tool says it read and wrote, bytes; absent when it said nothing, which is a failure. */
export interface CodecTotals {
  readonly bytesIn?: number
  readonly bytesOut?: number
}

/** A codec as data: its standard tool, its arguments each way, and how to read its exact totals. */
export interface CodecDefinition {
  /** Stage and tool name. */
  readonly tool: string
  readonly encode: readonly string[]
  readonly decode: readonly string[]
  /** Reads what `encode` and `decode` report on stderr. Exact bytes or nothing. */
  encodeTotals(stderr: string): CodecTotals
  decodeTotals(stderr: string): CodecTotals
}

// `-vv` makes zstd print exact bytes up to 2^53: `/*stdin*\ : 23.23%   (111668024 B => 25941030 B, /*stdout*\)`,
// before 1.5 `(111668024 => 25941030 bytes, …)`; decoding `/*stdin*\ : 111668024 bytes`. Tried with 1.5.4
// from 0 bytes to 4.5 GB. Anything else, such as `106 MiB`, must not match: a rounded number is a guess.
const zstdEncoded = /\(\s*(\d+)(?: B)?\s*=>\s*(\d+)(?: B| bytes)?\s*,/
const zstdDecoded = /\/\*stdin\*\\\s*:\s*(\d+) bytes/

/** More threads than this gain nothing against one dump stream and take them from the database (P6). */
const mostThreads = 4

const zstd: CodecDefinition = {
  tool: 'zstd',
  encode: ['-3', `-T${Math.min(mostThreads, availableParallelism())}`, '-c', '-vv', '--no-progress'],
  decode: ['-d', '-c', '-vv', '--no-progress'],
  encodeTotals(stderr) {
    const [, read, wrote] = lastMatch(zstdEncoded, stderr) ?? []
    return read === undefined || wrote === undefined ? {} : { bytesIn: Number(read), bytesOut: Number(wrote) }
  },
  decodeTotals(stderr) {
    const [, wrote] = lastMatch(zstdDecoded, stderr) ?? []
    return wrote === undefined ? {} : { bytesOut: Number(wrote) }
  },
}

/** Every codec; `none` has no tool. */
export const codecDefinitions: Readonly<Record<Codec, CodecDefinition | undefined>> = {
  zstd,
  none: undefined,
}

function lastMatch(pattern: RegExp, text: string): RegExpMatchArray | undefined {
  return [...text.matchAll(new RegExp(pattern, 'g'))].at(-1)
}
