import { isAbsolute } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseByteSize } from '../../shared/config/fields.ts'
import { type Strategy, strategies } from '../../shared/model/engine.ts'
import { type Duration, parseDuration } from '../../shared/time/index.ts'
import type { BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { ChildPriority } from '../process/index.ts'

/** How bytes reach the store, and who stands back meanwhile. */
export interface WayOptions {
  readonly strategy: Strategy
  readonly stagingFolder?: string
  readonly stagingReserve: number
  readonly maxRate?: number
  readonly idleTimeout: Duration
  readonly nice?: number
  readonly ioniceClass?: NonNullable<ChildPriority['ioniceClass']>
}

/** Adds them to a command that backs up. */
export function withWayOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--strategy <strategy>',
        'straight to the store, over a folder of this host, or as there is room',
      )
        .choices(strategies)
        .default('streaming'),
    )
    .option('--staging-folder <folder>', 'where a staged backup lies (default: in the state folder)', folder)
    .option('--staging-reserve <size>', 'what staging leaves free on its disk', size, 2 * 2 ** 30)
    .option('--max-rate <size>', 'most bytes a second to the store, such as 50MB', size)
    .option('--idle-timeout <duration>', 'a stream without a byte for so long is ended', idle, 900_000)
    .option('--nice <number>', 'nice level of the children, 0 to 19', niceness)
    .addOption(
      new Option('--ionice-class <class>', 'I/O class of the children').choices(['best-effort', 'idle']),
    )
}

/** What of a backup's spec they say. */
export function wayOf(
  options: WayOptions,
): Pick<BackupSpec, 'strategy' | 'maxRate' | 'idleTimeoutMs' | 'predictedStoredBytes'> {
  return {
    strategy: options.strategy,
    maxRate: options.maxRate ?? 0,
    idleTimeoutMs: options.idleTimeout,
    predictedStoredBytes: 0,
  }
}

function size(text: string): number {
  const bytes = parseByteSize(text)
  if (bytes === undefined) throw new InvalidArgumentError('a size is such as 50MB or 2GiB')
  return bytes
}

function folder(text: string): string {
  if (!isAbsolute(text)) throw new InvalidArgumentError('an absolute path')
  return text
}

function idle(text: string): Duration {
  const duration = parseDuration(text)
  if (duration === undefined || duration < 10_000)
    throw new InvalidArgumentError('a duration of at least 10s, such as 15m')
  return duration
}

function niceness(text: string): number {
  const level = Number(text)
  if (!/^\d+$/.test(text) || level > 19) throw new InvalidArgumentError('a number from 0 to 19')
  return level
}
