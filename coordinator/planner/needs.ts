import type { Codec, EngineKind, Strategy } from '../../shared/model/engine.ts'
import type { JobKind } from '../jobs/job.ts'
import type { QueuedJob } from './port.ts'

/** What a job's needs of its host are reckoned from, bytes; 0 is unknown. */
export interface NeedsInput {
  readonly kind: JobKind
  readonly engine: EngineKind
  readonly rawBytes: number
  readonly storedBytes: number
  readonly codec?: Codec
  /** Streams at the same time, by policy; absent: as the agent finds right. */
  readonly streams?: number
  /** Absent: streaming. */
  readonly strategy?: Strategy
}

const mebibyte = 1024 * 1024
/** As the agent's pipeline reckons: parts so that one object suffices, 8–64 MiB, two of them for each stream. */
const smallestPart = 8
const largestPart = 64
const unknownPart = 16
const partsOfObject = 10_000
const buffersOfStream = 2
/** As the agent's: what holds less is one stream, of the others most go by four. */
const sharedFrom = 256 * mebibyte
const usualStreams = 4

/**
 * What a job is going to take of its host beside a slot: part buffers, and where it must be staged twice of what
 * will lie on the disk (architecture §7). `auto` streams where there is no room, so it needs none.
 */
export function needsOf(input: NeedsInput): Pick<QueuedJob, 'bufferBytes' | 'stagingBytes'> {
  const { kind, engine, rawBytes, storedBytes, codec, streams, strategy } = input
  if (kind === 'delete') return {}
  const wanted = Math.ceil((storedBytes * 1.5) / partsOfObject / mebibyte)
  const part = storedBytes > 0 ? Math.min(largestPart, Math.max(smallestPart, wanted)) : unknownPart
  const many = kind === 'backup' && engine === 'postgres' && rawBytes >= sharedFrom
  const atOnce = streams ?? (many ? usualStreams : 1)
  const onDisk = codec === 'none' || storedBytes === 0 ? Math.max(rawBytes, storedBytes) : storedBytes
  return {
    bufferBytes: atOnce * buffersOfStream * part * mebibyte,
    ...(kind === 'backup' && strategy === 'staged' ? { stagingBytes: 2 * onDisk + 1 } : {}),
  }
}
