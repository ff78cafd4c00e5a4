import type { BenchRow } from '../row.ts'
import type { Sample, Samples } from './sample.ts'

/** What is told of every subject besides the ratios; medians. */
const columns: readonly {
  readonly title: string
  readonly unit: string
  readonly digits: number
  readonly value: (sample: Sample) => number
}[] = [
  { title: 'time', unit: 's', digits: 2, value: sample => sample.wallSeconds },
  { title: 'CPU ours', unit: 's/raw GB', digits: 2, value: sample => perRaw(sample, sample.cpuSeconds) },
  {
    title: 'CPU database',
    unit: 's/raw GB',
    digits: 2,
    value: sample => perRaw(sample, sample.databaseCpuSeconds),
  },
  {
    title: 'CPU store',
    unit: 's/raw GB',
    digits: 2,
    value: sample => perRaw(sample, sample.storeCpuSeconds),
  },
  { title: 'Node CPU', unit: 's', digits: 2, value: sample => sample.node?.cpuSeconds ?? Number.NaN },
  {
    title: 'Node RSS',
    unit: 'MiB',
    digits: 0,
    value: sample => (sample.node?.peakRssBytes ?? Number.NaN) / (1 << 20),
  },
  { title: 'stored', unit: 'MB', digits: 0, value: sample => (sample.storedBytes ?? Number.NaN) / 1e6 },
]

function perRaw(sample: Sample, seconds: number): number {
  return (seconds / sample.rawBytes) * 1e9
}

/** The numbers of a subject as rows of the JSON; those that do not apply to it are left out. */
export function detailRows(subject: string, samples: Samples): readonly BenchRow[] {
  return columns.flatMap(({ title, unit, value }) => {
    const found = samples.median(subject, value)
    if (!Number.isFinite(found)) return []
    return [
      {
        case: `${subject}: ${title}`,
        value: Number(found.toPrecision(4)),
        unit,
        target: null,
        ok: true,
        conditions: samples.conditions(subject),
      },
    ]
  })
}

/** The same for people: a line for each subject, with the fastest and slowest time. */
export function detailTable(subjects: readonly string[], samples: Samples): readonly (readonly string[])[] {
  const lines = subjects.flatMap(subject => {
    const taken = samples.of(subject)
    if (taken.length === 0) return []
    const times = taken.map(sample => sample.wallSeconds)
    return [
      [
        subject,
        String(taken.length),
        `${Math.min(...times).toFixed(2)}–${Math.max(...times).toFixed(2)}`,
        ...columns.map(({ value, digits }) => {
          const found = samples.median(subject, value)
          return Number.isFinite(found) ? found.toFixed(digits) : ''
        }),
        samples.conditions(subject),
      ],
    ]
  })
  return [
    ['subject', 'n', 'from–to s', ...columns.map(({ title, unit }) => `${title} ${unit}`), 'under'],
    ...lines,
  ]
}
