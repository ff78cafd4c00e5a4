import { type Command, InvalidArgumentError } from 'commander'
import { parseByteSize } from '../../shared/config/fields.ts'
import { type Duration, parseDuration } from '../../shared/time/index.ts'
import type { BackupSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'

/** How many streams, and how long others may wait for them. */
export interface StreamOptions {
  readonly streams?: number
  readonly blockingLimit?: Duration
  readonly streamsFrom?: number
}

/** More would be more sessions and locks than any one database gains by. */
const mostStreams = 32

/** Adds `--streams`, `--streams-from` and `--blocking-limit` to a command that backs up. */
export function withStreamOptions(command: Command): Command {
  return command
    .option(
      '--streams <count>',
      'streams at the same time inside one PostgreSQL database; 1: one archive (default by cores and size)',
      streamCount,
    )
    .option(
      '--blocking-limit <duration>',
      'the dump ends itself when it blocks others for so long; 0s: never (default 30s)',
      limit,
    )
    .option(
      '--streams-from <size>',
      'a database that holds less is one archive whatever --streams says (default 256MiB)',
      size,
    )
}

/** What of a backup's spec they say. */
export function dumpingOf({
  streams,
  blockingLimit,
  streamsFrom,
}: StreamOptions): Pick<BackupSpec, 'streams' | 'blockingLimitMs' | 'streamsFrom'> {
  return { streams, blockingLimitMs: blockingLimit, streamsFrom }
}

/** Reads a count of streams. */
export function streamCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > mostStreams)
    throw new InvalidArgumentError(`a number of streams is from 1 to ${mostStreams}`)
  return count
}

function limit(text: string): Duration {
  const duration = parseDuration(text)
  if (duration === undefined) throw new InvalidArgumentError('a duration is such as 30s or 2m')
  return duration
}

function size(text: string): number {
  const bytes = parseByteSize(text)
  if (bytes === undefined || bytes < 1) throw new InvalidArgumentError('a size is such as 256MiB')
  return bytes
}
