import type { BenchRow } from '../row.ts'
import type { Sample, Samples } from './sample.ts'

/** A row of the table as far as it was measured. */
export type Row = BenchRow

/** What one case compares. */
export interface Case {
  readonly name: string
  readonly what: string
  /** Subjects it is made of. */
  readonly subjects: readonly string[]
  readonly value: (samples: Samples) => number
  readonly unit: string
  /** Absent where the value is told and not judged. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number }
  /** Whose conditions stand in the row. */
  readonly conditionsOf: string
}

const wall = (sample: Sample) => sample.wallSeconds
const cpu = (sample: Sample) => sample.cpuSeconds
const gigabyte = 1e9
const mebibyte = 1 << 20

/** Part buffers the agent may hold, by its default. */
const partBudgetMib = 256

/** How many times faster the second subject is than the first. */
function faster(name: string, what: string, than: string, ours: string, atLeast: number): Case {
  return {
    name,
    what,
    subjects: [than, ours],
    value: samples => samples.median(than, wall) / samples.median(ours, wall),
    unit: '×',
    target: { atLeast },
    conditionsOf: ours,
  }
}

/** The same without a target. */
function against(name: string, what: string, than: string, ours: string): Case {
  const { target: _, ...told } = faster(name, what, than, ours, 0)
  return told
}

/** How many of the first subject's core-seconds the second needs. */
function noMoreCpu(name: string, than: string, ours: string): Case {
  return {
    name,
    what: `core-seconds of ours over those of ${than}`,
    subjects: [than, ours],
    value: samples => samples.median(ours, cpu) / samples.median(than, cpu),
    unit: '×',
    target: { atMost: 1 },
    conditionsOf: ours,
  }
}

function rate(name: string): Case {
  return {
    name,
    what: 'synthetic bytes to the sink, without a database',
    subjects: [name],
    value: samples => samples.median(name, sample => sample.rawBytes / 1e6 / sample.wallSeconds),
    unit: 'MB/s',
    conditionsOf: name,
  }
}

const sizes = ['memory-small', 'memory-usual', 'memory-large']
const peakMib = (sample: Sample) => (sample.node?.peakRssBytes ?? Number.NaN) / mebibyte

/** The table of the issue, row by row, and what else it asks for. */
export const cases: readonly Case[] = [
  faster('script', 'the script: pg_dump -Z9 to a file, then aws s3 cp', 'script-s3', 'ours-s3', 4),
  faster('gzip', 'pg_dump -Z6 | aws s3 cp', 'gzip-s3', 'ours-s3', 3),
  faster('shell', 'pg_dump -Z0 | zstd -3 -T0 | aws s3 cp, real S3 server', 'shell-s3', 'ours-s3', 1.2),
  faster('shell-sink', 'the same, sink', 'shell-sink', 'ours-sink', 1.4),
  noMoreCpu('shell-cpu', 'shell-s3', 'ours-s3'),
  noMoreCpu('shell-sink-cpu', 'shell-sink', 'ours-sink'),
  faster('far', 'the same, 30 ms away, 20 MB/s a connection', 'shell-far', 'ours-far', 2),
  faster(
    'directory-fast',
    'pg_dump -Fd -jN -Z0 to local disk; ours zstd -1, the default, sink',
    'directory',
    'ours-sink',
    0.7,
  ),
  faster('directory', 'the same; ours at zstd -3', 'directory', 'ours-sink-level-3', 0.5),
  against('level-3', 'the best shell, sink, both at zstd -3', 'shell-sink', 'ours-sink-level-3'),
  against('level-1', 'the best shell, sink, both at zstd -1', 'shell-sink-level-1', 'ours-sink'),
  against(
    'one-table',
    'the best shell, sink, both at zstd -3; one table larger than all others stays one stream',
    'shell-one-table',
    'ours-one-table',
  ),
  faster('restore', 'aws s3 cp | zstd -d | pg_restore', 'restore-shell', 'restore-ours', 1.5),
  ...sizes.map(
    (size): Case => ({
      name: `${size}-rss`,
      what: 'peak RSS of the agent process',
      subjects: [size],
      value: samples => samples.median(size, peakMib),
      unit: 'MiB',
      target: { atMost: 160 + partBudgetMib },
      conditionsOf: size,
    }),
  ),
  {
    name: 'memory-flat',
    what: 'largest over smallest of the three',
    subjects: sizes,
    value: samples => {
      const peaks = sizes.map(size => samples.median(size, peakMib))
      return Math.max(...peaks) / Math.min(...peaks)
    },
    unit: '×',
    target: { atMost: 1.1 },
    conditionsOf: 'memory-large',
  },
  {
    name: 'node-cpu',
    what: 'Node CPU per stored GB, start of the process included',
    subjects: ['memory-large'],
    value: samples =>
      samples.median(
        'memory-large',
        ({ node, storedBytes = Number.NaN }) => ((node?.cpuSeconds ?? Number.NaN) / storedBytes) * gigabyte,
      ),
    unit: 's/GB',
    target: { atMost: 3 },
    conditionsOf: 'memory-large',
  },
  {
    name: 'encrypted',
    what: 'encrypted over unencrypted time, mixed database, sink',
    subjects: ['ours-sink', 'ours-sink-encrypted'],
    value: samples => samples.median('ours-sink-encrypted', wall) / samples.median('ours-sink', wall),
    unit: '×',
    conditionsOf: 'ours-sink-encrypted',
  },
  rate('upload-ours'),
  rate('upload-aws'),
  rate('upload-rclone'),
  ...[
    'stage-dump',
    'stage-meter',
    'stage-pipe',
    'stage-zstd-1',
    'stage-zstd-3',
    'stage-zstd-3-single',
    'stage-gzip-6',
    'stage-sha256',
    'stage-age',
    'stage-zstd-decode',
    'stage-pg-restore',
  ].map(
    (stage): Case => ({
      name: stage,
      what: 'this stage alone, MB of raw dump a second',
      subjects: [stage],
      value: samples => samples.median(stage, sample => sample.rawBytes / 1e6 / sample.wallSeconds),
      unit: 'MB/s',
      conditionsOf: stage,
    }),
  ),
]

/** The row of a case; without a value where it was not measured, which is no success. */
export function rowOf(one: Case, samples: Samples): Row {
  const measured = one.value(samples)
  const value = Number.isFinite(measured) ? Number(measured.toPrecision(4)) : null
  const { target } = one
  const reason = one.subjects.map(subject => samples.failed.get(subject)).find(each => each !== undefined)
  return {
    case: one.name,
    value,
    unit: one.unit,
    target: target === undefined ? null : 'atLeast' in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`,
    ok:
      value !== null &&
      (target === undefined || ('atLeast' in target ? value >= target.atLeast : value <= target.atMost)),
    conditions:
      value === null
        ? `not measured${reason === undefined ? '' : `: ${reason}`}`
        : samples.conditions(one.conditionsOf),
  }
}
