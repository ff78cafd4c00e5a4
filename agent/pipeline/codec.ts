import { availableParallelism } from 'node:os'
import { AppError } from '../../shared/errors/index.ts'
import { type Compression, codecTraits, compressionProblems } from '../../shared/model/compression.ts'
import { type Codec, codecs } from '../../shared/model/engine.ts'

/** What a codec's tool says it read and wrote, bytes; absent when it said nothing, which is a failure. */
export interface CodecTotals {
  readonly bytesIn?: number
  readonly bytesOut?: number
}

/** A codec as data: its standard tool, its arguments each way, and how to read its exact totals. */
export interface CodecDefinition {
  /** Stage and tool name. */
  readonly tool: string
  encode(compression: Compression): readonly string[]
  readonly decode: readonly string[]
  /**
   * Reads what encoding reports on stderr: exact bytes or nothing. A tool without it is not believed: what it
   * made is decoded beside the upload and counted (`decode-check.ts`).
   */
  encodeTotals?(stderr: string): CodecTotals
  /** The same for decoding; without it the meter behind it is held against the manifest alone. */
  decodeTotals?(stderr: string): CodecTotals
}

// `-vv` makes zstd print exact bytes up to 2^53: `/*stdin*\ : 23.23%   (111668024 B => 25941030 B, /*stdout*\)`,
// before 1.5 `(111668024 => 25941030 bytes, …)`; decoding `/*stdin*\ : 111668024 bytes`. Tried with 1.5.4
// from 0 bytes to 4.5 GB. Anything else, such as `106 MiB`, must not match: a rounded number is a guess.
const zstdEncoded = /\(\s*(\d+)(?: B)?\s*=>\s*(\d+)(?: B| bytes)?\s*,/
const zstdDecoded = /\/\*stdin\*\\\s*:\s*(\d+) bytes/

// `-v` makes bzip2 print `(stdin):  4.749:1,  1.685 bits/byte, 78.94% saved, 588895 in, 124009 out.`, 64-bit and
// exact; of nothing it says `no data compressed`, and the file of nothing has 14 bytes. gzip prints a ratio and
// keeps the size modulo 2^32 only; xz rounds to KiB. Tried with 1.0.8, 1.12 and 5.4.1.
const bzip2Encoded = /saved, (\d+) in, (\d+) out\./
const bzip2Nothing = /:\s+no data compressed\./

/** More threads than this gain nothing against one dump stream and take them from the database (P6). */
const mostThreads = 4

const levelOf = ({ codec, level }: Compression) => `-${level ?? codecTraits[codec].level?.standard ?? 1}`

const zstd: CodecDefinition = {
  tool: 'zstd',
  encode: compression => [
    levelOf(compression),
    `-T${compression.threads ?? Math.min(mostThreads, availableParallelism())}`,
    ...(compression.long === undefined ? [] : [`--long=${compression.long}`]),
    '-c',
    '-vv',
    '--no-progress',
  ],
  // the window of `--long` above 27 must be allowed at decoding too; a frame takes only the memory it needs
  decode: ['-d', '--long=31', '-c', '-vv', '--no-progress'],
  encodeTotals(stderr) {
    const [, read, wrote] = lastMatch(zstdEncoded, stderr) ?? []
    return read === undefined || wrote === undefined ? {} : { bytesIn: Number(read), bytesOut: Number(wrote) }
  },
  decodeTotals(stderr) {
    const [, wrote] = lastMatch(zstdDecoded, stderr) ?? []
    return wrote === undefined ? {} : { bytesOut: Number(wrote) }
  },
}

const gzip: CodecDefinition = {
  tool: 'gzip',
  encode: compression => [levelOf(compression), '-c'],
  decode: ['-d', '-c'],
}

const xz: CodecDefinition = {
  tool: 'xz',
  // each of its threads takes about 100 MiB at level 6, so one unless the policy says more (P6)
  encode: compression => [levelOf(compression), `-T${compression.threads ?? 1}`, '-c'],
  decode: ['-d', '-c'],
}

const bzip2: CodecDefinition = {
  tool: 'bzip2',
  encode: compression => [levelOf(compression), '-v', '-c'],
  decode: ['-d', '-c'],
  encodeTotals(stderr) {
    const [, read, wrote] = lastMatch(bzip2Encoded, stderr) ?? []
    if (read !== undefined && wrote !== undefined) return { bytesIn: Number(read), bytesOut: Number(wrote) }
    return bzip2Nothing.test(stderr) ? { bytesIn: 0, bytesOut: 14 } : {}
  },
}

/** Every codec; `none` has no tool. */
export const codecDefinitions: Readonly<Record<Codec, CodecDefinition | undefined>> = {
  zstd,
  gzip,
  xz,
  bzip2,
  none: undefined,
}

/** Tools a compression needs on this host, besides the pipeline's own. */
export function codecTools(codec: Codec): readonly string[] {
  const definition = codecDefinitions[codec]
  if (definition === undefined) return []
  return definition.encodeTotals === undefined ? [definition.tool, 'tee', 'wc'] : [definition.tool]
}

/**
 * Narrows a compression that came from elsewhere; 0 and absent mean "not told".
 *
 * @throws AppError `codec.invalid` with every problem: which key, what is expected
 */
export function narrowCompression(told: {
  readonly codec: string
  readonly level?: number | undefined
  readonly long?: number | undefined
  readonly threads?: number | undefined
}): Compression {
  const codec = codecs.find(each => each === told.codec)
  if (codec === undefined)
    throw new AppError('codec.invalid', {
      message: `there is no codec \`${told.codec}\``,
      context: { codec: told.codec, known: [...codecs] },
    })
  const compression: Compression = {
    codec,
    ...(told.level ? { level: told.level } : {}),
    ...(told.long ? { long: told.long } : {}),
    ...(told.threads ? { threads: told.threads } : {}),
  }
  const problems = compressionProblems(compression)
  if (problems.length > 0)
    throw new AppError('codec.invalid', {
      context: { codec, problems: problems.map(each => `${each.key}: ${each.text}`) },
    })
  return compression
}

function lastMatch(pattern: RegExp, text: string): RegExpMatchArray | undefined {
  return [...text.matchAll(new RegExp(pattern, 'g'))].at(-1)
}
