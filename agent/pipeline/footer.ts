import { AppError } from '../../shared/errors/index.ts'
import type { ToolFinder } from '../engines/port.ts'
import type { Command, JoinedStage } from '../process/index.ts'
import { Meter, meterName } from './meter.ts'

/** How much of the raw stream's end is kept to look for a footer, bytes. */
const tailBytes = 4096

/** Name of the stage that copies the raw stream to the tail. */
export const teeName = 'tee'

/**
 * The stage that keeps the last bytes of the raw stream: `tee` into a `tail` beside it. Node never sees raw
 * bytes (copying them cost 4 s of CPU per 1.27 GB), so a textual dump's footer is read from there.
 */
export async function footerStage(tools: ToolFinder): Promise<JoinedStage> {
  const [tee, tail] = await Promise.all([tools.find(['tee'], [], 'path'), tools.find(['tail'], [], 'path')])
  return {
    command: { name: teeName, program: tee.path, args: ['/proc/self/fd/3'] },
    tap: { name: 'tail', program: tail.path, args: ['-c', String(tailBytes)] },
  }
}

/** Name of the stage that copies the raw stream to a tap of the engine's. */
export const tapName = 'tap'

/** A program that gets a copy of a raw stream. */
export interface StreamTap {
  /** May end before the stream does, with status 0. */
  readonly command: Command
  /** Given what it says, as it says it. */
  readonly take: (chunk: Buffer) => void
  /** It needs no more than so many bytes of the beginning; absent: it may want all. */
  readonly headBytes?: number
}

/**
 * Copies the beginning, then lets the kernel move the rest: `tee` over all of it costs about a second of CPU a
 * gigabyte more. `dd` reads not one byte beyond its count, and tells exactly what it passed on, as `pv` does of the rest.
 */
const headScript =
  '"$1" bs=65536 count="$2" iflag=fullblock,count_bytes status=progress | "$3" -p /proc/self/fd/3 && exec 3>&- && exec "$4" -n -b -i 1'

/** The meter, and the tap's own where it stands behind it. */
export interface MeterStages {
  readonly meter: Meter
  readonly stages: readonly JoinedStage[]
}

/**
 * The meter of a raw stream, with what gives a program a copy of it from its beginning. The program may end before the
 * stream does (`tee -p`): what it wants, such as an archive's table of contents, comes first. When it wants the head
 * alone, meter and copy are one stage, and the bytes pass through the kernel once less (ADR 0161). The script is
 * constant; programs and count pass into it as they are.
 */
export async function meterStages(
  tools: ToolFinder,
  tap: StreamTap | undefined,
  onCount: (bytes: number) => void,
): Promise<MeterStages> {
  const pv = await tools.find(['pv'], [], 'path')
  const headBytes = tap?.headBytes
  const meter = new Meter(onCount, headBytes !== undefined)
  const onStderr = (chunk: Buffer) => meter.read(chunk)
  if (tap === undefined) return { meter, stages: [{ command: Meter.command(pv.path), onStderr }] }
  const tee = await tools.find(['tee'], [], 'path')
  const { command, take: onTap } = tap
  if (headBytes === undefined) {
    const copy = { name: tapName, program: tee.path, args: ['-p', '/proc/self/fd/3'] }
    return {
      meter,
      stages: [
        { command: Meter.command(pv.path), onStderr },
        { command: copy, tap: command, onTap },
      ],
    }
  }
  const dd = await tools.find(['dd'], [], 'path')
  const args = ['-c', headScript, 'sh', dd.path, String(headBytes), tee.path, pv.path]
  return {
    meter,
    stages: [{ command: { name: meterName, program: '/bin/sh', args }, onStderr, tap: command, onTap }],
  }
}

/**
 * Demands that the raw stream's last line matches. Blank lines and bare `--` comment lines at the very end
 * do not count: pg_dumpall frames its completion mark with them.
 *
 * @throws AppError `dump.incomplete`
 */
export function demandFooter(tail: Buffer | undefined, footer: RegExp, stage: string): void {
  const text = (tail ?? Buffer.alloc(0)).toString('latin1')
  const last = text.split(/\r?\n/).findLast(line => !/^\s*(--)?\s*$/.test(line)) ?? ''
  const expected = new RegExp(footer.source, footer.flags.replace(/[gy]/g, ''))
  // engines anchor theirs at the end of the text and may span lines (engines/port.ts)
  const found = expected.exec(text)
  const atEnd = found !== null && text.slice(found.index + found[0].length).trim() === ''
  if (atEnd || expected.test(last)) return
  throw new AppError('dump.incomplete', { context: { stage, expected: footer.source } })
}
