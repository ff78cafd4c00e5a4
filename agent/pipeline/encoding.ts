import type { Compression } from '../../shared/model/compression.ts'
import type { Codec, StreamCodec } from '../../shared/model/engine.ts'
import { AgeCount } from '../encryption/age-format.ts'
import type { ToolFinder } from '../engines/port.ts'
import type { JoinEnd, JoinedStage } from '../process/index.ts'
import type { Joint } from './accounting.ts'
import { codecDefinitions } from './codec.ts'
import { checkedTotals, checkName, checkStage } from './decode-check.ts'
import type { StageBytes } from './stage-results.ts'

/** Name of the stage that encrypts or decrypts. */
export const ageName = 'age'

/** What a stream goes through, as manifest and key tell it. */
export function codecChain(codec: Codec, recipients: readonly string[] = []): readonly StreamCodec[] {
  return recipients.length === 0 ? [codec] : [codec, ageName]
}

/** The stages between the raw stream and the uploader: codec, its check, encryption. */
export interface Encoding {
  readonly stages: readonly JoinedStage[]
  /** Sees what the last stage writes, as the uploader takes it in. */
  take(chunk: Uint8Array): void
  /**
   * The joints from the raw stream's last count to the uploader's, both sides of each, once all has closed;
   * tells `bytesOf` what each stage handled.
   */
  joints(
    end: JoinEnd,
    raw: { readonly from: string; readonly bytes: number | undefined },
    uploaded: number,
    bytesOf: Map<string, StageBytes>,
  ): readonly Joint[]
}

/**
 * Plans how a raw stream is compressed and encrypted.
 *
 * @param recipients age recipients; none: not encrypted. They are public, so they may stand in arguments
 * @throws AppError `tool.missing`
 */
export async function planEncoding(
  compression: Compression,
  recipients: readonly string[],
  tools: ToolFinder,
): Promise<Encoding> {
  const definition = codecDefinitions[compression.codec]
  const stages: JoinedStage[] = []
  if (definition !== undefined) {
    const { path } = await tools.find([definition.tool], [], 'path')
    stages.push({ command: { name: definition.tool, program: path, args: definition.encode(compression) } })
    if (definition.encodeTotals === undefined) stages.push(await checkStage(definition, tools))
  }
  const sealed = recipients.length === 0 ? undefined : new AgeCount()
  if (sealed !== undefined) {
    // they are public, so they may stand among the arguments
    const { path } = await tools.find([ageName], [], 'path')
    const args = ['--encrypt', ...recipients.flatMap(recipient => ['-r', recipient])]
    stages.push({ command: { name: ageName, program: path, args } })
  }
  return {
    stages,
    take: chunk => sealed?.take(chunk),
    joints(end, raw, uploaded, bytesOf) {
      const joints: Joint[] = []
      let { from, bytes: wrote } = raw
      if (definition !== undefined) {
        const said = end.stages.find(({ name }) => name === definition.tool)?.stderr.raw ?? ''
        const totals =
          definition.encodeTotals === undefined ? checkedTotals(end) : definition.encodeTotals(said)
        joints.push({ from, wrote, to: definition.tool, read: totals.bytesIn })
        bytesOf.set(definition.tool, totals)
        from = definition.tool
        wrote = totals.bytesOut
        if (wrote !== undefined) bytesOf.set(checkName, { bytesIn: wrote, bytesOut: wrote })
      }
      if (sealed === undefined) joints.push({ from, wrote, to: 'the uploader', read: uploaded })
      else {
        const encrypted = sealed.plaintextBytes
        joints.push({ from, wrote, to: ageName, read: encrypted })
        if (encrypted !== undefined) bytesOf.set(ageName, { bytesIn: encrypted, bytesOut: uploaded })
      }
      return joints
    },
  }
}
