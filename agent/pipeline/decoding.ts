import { AppError } from '../../shared/errors/index.ts'
import type { StreamCodec } from '../../shared/model/engine.ts'
import { AgeCount } from '../encryption/age-format.ts'
import type { ToolFinder } from '../engines/port.ts'
import type { JoinEnd, JoinedStage } from '../process/index.ts'
import type { Joint } from './accounting.ts'
import { codecDefinitions } from './codec.ts'
import { ageName } from './encoding.ts'
import type { StageBytes } from './stage-results.ts'

/** The stages between the store and the raw stream: decryption, decompression. */
export interface Decoding {
  readonly stages: readonly JoinedStage[]
  /** Sees the verified bytes as they are fed to the first stage. */
  take(chunk: Uint8Array): void
  /** The joints behind the feed that can be told, the last of them into `to`; the meter is held to the manifest beside them. */
  joints(
    end: JoinEnd,
    fed: number,
    to: { readonly name: string; readonly read: number | undefined },
    bytesOf: Map<string, StageBytes>,
  ): readonly Joint[]
}

/**
 * Plans how a stored stream is decrypted and decompressed: the codecs of its manifest in reverse.
 *
 * @param identities files of age identities
 * @throws AppError `tool.missing`, `encryption.identity-missing`
 */
export async function planDecoding(
  codecs: readonly StreamCodec[],
  identities: readonly string[],
  tools: ToolFinder,
): Promise<Decoding> {
  const stages: JoinedStage[] = []
  const opened = new Map<string, AgeCount>()
  const undone = codecs.toReversed()
  for (const codec of undone) {
    if (codec === 'age') {
      if (identities.length === 0) throw new AppError('encryption.identity-missing')
      const { path } = await tools.find([ageName], [], 'path')
      const args = ['--decrypt', ...identities.flatMap(file => ['-i', file])]
      stages.push({ command: { name: ageName, program: path, args } })
      opened.set(ageName, new AgeCount())
      continue
    }
    const definition = codecDefinitions[codec]
    if (definition === undefined) continue
    const { path } = await tools.find([definition.tool], [], 'path')
    stages.push({ command: { name: definition.tool, program: path, args: definition.decode } })
  }
  // only ciphertext passes through this process
  const outermost = undone[0] === 'age' ? opened.get(ageName) : undefined
  return {
    stages,
    take: chunk => outermost?.take(chunk),
    joints(end, fed, to, bytesOf) {
      const joints: Joint[] = []
      let from: { readonly name: string; readonly wrote: number | undefined } | undefined = {
        name: 'the downloader',
        wrote: fed,
      }
      for (const codec of undone) {
        if (codec === 'none') continue
        const name = codec === 'age' ? ageName : codecDefinitions[codec]?.tool
        if (name === undefined) continue
        const wrote = codec === 'age' ? outermost?.plaintextBytes : decodedBytes(codec, end)
        bytesOf.set(name, {
          ...(from?.wrote === undefined ? {} : { bytesIn: from.wrote }),
          ...(wrote === undefined ? {} : { bytesOut: wrote }),
        })
        const tells = codec === 'age' || codecDefinitions[codec]?.decodeTotals !== undefined
        from = tells ? { name, wrote } : undefined
      }
      if (from !== undefined) joints.push({ from: from.name, wrote: from.wrote, to: to.name, read: to.read })
      return joints
    },
  }
}

function decodedBytes(codec: Exclude<StreamCodec, 'age'>, end: JoinEnd): number | undefined {
  const definition = codecDefinitions[codec]
  const said = end.stages.find(({ name }) => name === definition?.tool)?.stderr.raw ?? ''
  return definition?.decodeTotals?.(said).bytesOut
}

const noMatch = /no identity matched any of the recipients/
const badIdentity =
  /unknown identity type|malformed secret key|failed to read|no secret keys found|failed to open/i

/**
 * What a failed decryption means; the error as it was when it is nothing known. age may have said no and the
 * decompressor behind it, cut short, have been seen to exit first: so its own words decide.
 */
export function decryptionFailure(error: AppError, end: JoinEnd | undefined): AppError {
  const age = end?.stages.find(({ name, ok }) => name === ageName && !ok)
  if (age === undefined || error.code !== 'stage.failed') return error
  const stderr = age.stderr.text
  if (noMatch.test(stderr)) return new AppError('encryption.identity-mismatch', { cause: error })
  if (badIdentity.test(stderr)) return new AppError('encryption.identity-invalid', { cause: error })
  return error
}
