import type { ToolFinder } from '../engines/port.ts'
import type { JoinEnd, JoinedStage } from '../process/index.ts'
import type { CodecDefinition, CodecTotals } from './codec.ts'
import { lastCount, Meter } from './meter.ts'

/** Name of the stage that copies a codec's output to its check. */
export const checkName = 'check'
const intoName = 'check-in'
const decodeName = 'check-decode'
const countName = 'check-count'

/**
 * The stage that proves a codec whose tool reports nothing exact (ADR 0112): what it wrote is copied by `tee` to
 * `pv | <tool> -d | wc -c` beside the upload, so that it is known before the commit that it decodes, whole and
 * with its checksums right, to as many bytes as were read.
 */
export async function checkStage(definition: CodecDefinition, tools: ToolFinder): Promise<JoinedStage> {
  const [tee, pv, tool, wc] = await Promise.all(
    ['tee', 'pv', definition.tool, 'wc'].map(name =>
      tools.find([name], [], 'path').then(found => found.path),
    ),
  )
  if (tee === undefined || pv === undefined || tool === undefined || wc === undefined)
    throw new Error('a tool finder that finds nothing')
  return {
    command: { name: checkName, program: tee, args: ['/proc/self/fd/3'] },
    tap: [
      { ...Meter.command(pv), name: intoName },
      { name: decodeName, program: tool, args: definition.decode },
      { name: countName, program: wc, args: ['-c'] },
    ],
  }
}

/** What the check found: raw bytes the output decodes to, and encoded bytes it had. */
export function checkedTotals(end: JoinEnd): CodecTotals {
  const raw = /^\s*(\d+)\s*$/.exec((end.taps.get(checkName) ?? Buffer.alloc(0)).toString('latin1'))?.[1]
  const encoded = lastCount(end.stages.find(({ name }) => name === intoName)?.stderr.raw ?? '')
  return {
    ...(raw === undefined ? {} : { bytesIn: Number(raw) }),
    ...(encoded === undefined ? {} : { bytesOut: encoded }),
  }
}
