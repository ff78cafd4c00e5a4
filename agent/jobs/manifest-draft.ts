import type { StreamCodec } from '../../shared/model/engine.ts'
import type { DumpSession, DumpStream } from '../engines/port.ts'
import type { StreamOutcome } from '../pipeline/index.ts'
import type { StageResult } from '../process/index.ts'
import type { ManifestDraft } from './journal-record.ts'

type DraftStream = ManifestDraft['streams'][number]

/** A finished stream as the manifest tells it. 64-bit numbers are decimal strings there. */
export function streamOf(
  stream: DumpStream,
  outcome: StreamOutcome,
  codecs: readonly StreamCodec[],
): DraftStream {
  return {
    name: stream.name,
    format: stream.format,
    codecs: [...codecs],
    raw_bytes: String(outcome.rawBytes),
    stored_bytes: String(outcome.storedBytes),
    objects: outcome.objects.map(object => ({
      key: object.key,
      size: String(object.size),
      parts: object.parts.map(({ size, sha256 }) => ({ size, sha256 })),
    })),
    stages: outcome.stages.map(stageOf),
    duration_ms: outcome.durationMs,
  }
}

function stageOf(stage: StageResult): DraftStream['stages'][number] {
  return {
    name: stage.name,
    command: [...stage.command],
    // only stages that exited well come this far; anything else would be a defect worth seeing
    exit_status: stage.termination.kind === 'exited' ? stage.termination.status : -1,
    ...(stage.bytesIn === undefined ? {} : { bytes_in: String(stage.bytesIn) }),
    ...(stage.bytesOut === undefined ? {} : { bytes_out: String(stage.bytesOut) }),
    duration_ms: Math.max(0, Math.round(stage.durationMs)),
    ...(stage.peakRssBytes === undefined ? {} : { peak_rss_bytes: String(stage.peakRssBytes) }),
  }
}

/** What the dump session knew before its first byte, as the manifest tells it. */
export function sessionOf(
  dump: DumpSession,
): Pick<
  ManifestDraft,
  'engine' | 'data_as_of' | 'clock_offset_ms' | 'position' | 'settings' | 'requirements' | 'warnings'
> {
  return {
    engine: dump.engine,
    data_as_of: Math.trunc(dump.dataAsOf),
    clock_offset_ms: Math.round(dump.clockOffsetMs),
    ...(dump.position === undefined ? {} : { position: dump.position }),
    ...(dump.settings === undefined ? {} : { settings: dump.settings }),
    requirements: dump.requirements,
    ...(dump.warnings.length === 0 ? {} : { warnings: [...dump.warnings] }),
  }
}

/** Sum of decimal strings, exact. */
export function total(counts: readonly string[]): string {
  return String(counts.reduce((sum, each) => sum + BigInt(each), 0n))
}
