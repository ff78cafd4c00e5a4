import { type Manifest, observedSchema, streamSchema } from '../../shared/model/manifest.ts'
import type { Observed } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { table } from '../print/table.ts'
import { bytes, shortDuration } from '../print/units.ts'

type Streams = Manifest['streams']

/** The streams of a manifest as recorded; none when it cannot be read by this version. */
export function streamsOf(manifest: Uint8Array): Streams {
  const { streams } = plain(manifest)
  return streamSchema.array().safeParse(streams).data ?? []
}

/** What a manifest says making it took. */
export function observedIn(manifest: Uint8Array): Observed | undefined {
  const { data } = observedSchema.safeParse(plain(manifest)['observed'])
  return (
    data && {
      strategy: data.strategy,
      strategyReason: data.strategy_reason,
      retries: data.retries,
      agentPeakRssBytes: Number(data.peak_rss_bytes.agent),
      childrenPeakRssBytes: Number(data.peak_rss_bytes.children),
      durationMs: data.duration_ms,
      yieldedMs: data.yielded_ms ?? 0,
    }
  )
}

/** Each stream with its stages: bytes out, time, peak memory. */
export function stageTable(streams: Streams, width: number): string {
  const rows = streams.flatMap(stream => [
    {
      stream: stream.name,
      stage: '',
      bytes: `${bytes(Number(stream.raw_bytes))} → ${bytes(Number(stream.stored_bytes))}`,
      time: stream.duration_ms,
      memory: '',
    },
    ...stream.stages.map(stage => ({
      stream: '',
      stage: stage.name,
      bytes: stage.bytes_out === undefined ? '' : bytes(Number(stage.bytes_out)),
      time: stage.duration_ms,
      memory: stage.peak_rss_bytes === undefined ? '' : bytes(Number(stage.peak_rss_bytes)),
    })),
  ])
  return table(
    rows,
    [
      { heading: 'STREAM', value: row => row.stream, shrinkTo: 10 },
      { heading: 'STAGE', value: row => row.stage },
      { heading: 'BYTES', value: row => row.bytes, align: 'right' },
      {
        heading: 'TIME',
        value: row => (row.time === undefined ? '-' : shortDuration(row.time)),
        align: 'right',
      },
      { heading: 'MEMORY', value: row => row.memory, align: 'right' },
    ],
    width,
  )
}

function plain(manifest: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(manifest).toString('utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
}
