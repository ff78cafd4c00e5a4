import { describe, expect, test } from 'vitest'
import { observedIn, stageTable, streamsOf } from '../../cli/commands/manifest-view.ts'
import { observedFields, progressWords } from '../../cli/commands/observed.ts'

const nothing = {
  stage: '000-full',
  rawBytes: 0,
  storedBytes: 0,
  predictedRawBytes: 0,
  bytesPerSecond: 0,
  remainingMs: 0,
  retries: 0,
}

const manifest = Buffer.from(
  JSON.stringify({
    observed: {
      strategy: 'staged',
      strategy_reason: 'asked',
      duration_ms: 2_000,
      retries: 3,
      peak_rss_bytes: { agent: '104857600', children: '52428800' },
    },
    streams: [
      {
        name: '000-full',
        format: 'pgdump',
        codecs: ['zstd'],
        raw_bytes: '4194304',
        stored_bytes: '1048576',
        duration_ms: 1_500,
        objects: [{ key: 'k', size: '1048576', parts: [{ size: 1_048_576, sha256: 'a'.repeat(64) }] }],
        stages: [
          {
            name: 'pg_dump',
            command: ['pg_dump'],
            exit_status: 0,
            bytes_out: '4194304',
            duration_ms: 1_400,
            peak_rss_bytes: '10485760',
          },
        ],
      },
    ],
  }),
)

describe('what a backup took', () => {
  test('progress says rate, share and predicted end where they are known, and nothing where not', () => {
    expect(progressWords(nothing)).toBe('000-full · 0 B read · 0 B stored')
    expect(
      progressWords({
        ...nothing,
        rawBytes: 2 ** 20,
        predictedRawBytes: 2 ** 22,
        bytesPerSecond: 2 ** 20,
        remainingMs: 90_000,
        retries: 2,
      }),
    ).toBe('000-full · 1.0 MiB read · 0 B stored · about 25 % · 1.0 MiB/s · about 90s left · 2 retries')
  })

  test('a card has strategy, ratio, throughput, retries and peak memory, from the manifest', () => {
    const fields = new Map(
      observedFields(observedIn(manifest), { rawBytes: 4 * 2 ** 20, storedBytes: 2 ** 20 }),
    )
    expect(Object.fromEntries(fields)).toEqual({
      strategy: 'staged (asked)',
      ratio: '4.00',
      throughput: '2.0 MiB/s over 2s',
      retries: '3',
      'peak memory': '100 MiB agent, 50.0 MiB children',
    })
    expect(observedFields(undefined, { rawBytes: 1, storedBytes: 1 })).toEqual([])
  })

  test('each stream and stage has its bytes, time and memory; a manifest of tomorrow shows none', () => {
    const text = stageTable(streamsOf(manifest), 100)
    expect(text).toContain('4.0 MiB → 1.0 MiB')
    expect(text).toMatch(/pg_dump +4\.0 MiB +1s +10\.0 MiB/)
    expect(streamsOf(Buffer.from('{"streams":[{"name":1}]}'))).toEqual([])
    expect(streamsOf(Buffer.from('no JSON'))).toEqual([])
    expect(observedIn(Buffer.from('{}'))).toBeUndefined()
  })
})
