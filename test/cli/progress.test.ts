import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { inColours, wantsColours } from '../../cli/print/paint.ts'
import { bar, progressLine, shareOf } from '../../cli/print/progress.ts'
import { change, sparkline } from '../../cli/print/sparkline.ts'
import { table } from '../../cli/print/table.ts'
import { GetJobResponse, Job } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { holdfast, now } from './holdfast.ts'

const gib = 2 ** 30
const progress = {
  stage: '000-full',
  rawBytes: 3 * gib,
  storedBytes: gib,
  predictedRawBytes: 4 * gib,
  bytesPerSecond: 50 * 2 ** 20,
  remainingMs: 21_000,
  retries: 0,
}
const running = Job.fromPartial({
  jobId: 'job_01890a5d-ac96-774b-bcce-b302099a8057',
  kind: 'backup',
  subjectName: 'orders-db/orders',
  state: 'running',
  agentHost: 'db-host-7',
  progress,
})

describe('a line of progress', () => {
  test('is a bar with share, bytes, rate and predicted end', () => {
    expect(progressLine(running, 64_000, 140)).toBe(
      '███████████████░░░░░ 75 % · running · 000-full · 3.0 GiB of about 4.0 GiB, 1.0 GiB stored · 50.0 MiB/s · about 21s left · 64s',
    )
    expect(progressLine(running, 64_000, 60)).toBe('███████████████░░░░░ 75 % · 50.0 MiB/s · about 21s left')
  })

  test('has no bar where nothing is predicted, and is never done while it runs', () => {
    const unpredicted = { ...running, progress: { ...progress, predictedRawBytes: 0, remainingMs: 0 } }
    expect(progressLine(unpredicted, 64_000, 140)).toBe(
      'running · 000-full · 3.0 GiB read, 1.0 GiB stored · 50.0 MiB/s · 64s',
    )
    expect(progressLine({ ...running, progress: undefined, state: 'queued' }, 1_000, 80)).toBe('queued · 1s')
    expect(shareOf({ ...running, progress: { ...progress, rawBytes: 9 * gib } })).toBe(0.99)
  })

  test('fits any terminal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (width, share) => {
          const at = { ...progress, rawBytes: share * 4 * gib }
          expect(stringWidth(progressLine({ ...running, progress: at }, 5_000, width))).toBeLessThanOrEqual(
            width,
          )
          expect(stringWidth(bar(share, 20))).toBe(20)
        },
      ),
    )
  })

  test('is painted again on a terminal and gone at the end; elsewhere each state is a line', async () => {
    const around = {
      answers: { getJob: () => GetJobResponse.fromPartial({ job: { ...running, state: 'queued' } }) },
      watched: [running, Job.fromPartial({ ...running, state: 'succeeded', backupId: 'bak_1' })],
      at: now,
      width: 140,
    }
    const argv = ['job', 'watch', running.jobId]
    const live = await holdfast(argv, { ...around, interactive: true })
    expect(live.status).toBe(0)
    expect(live.err).toContain('\r\u001b[K███████████████░░░░░ 75 %')
    expect(live.err.endsWith('\r\u001b[K')).toBe(true)
    const piped = await holdfast(argv, around)
    expect(piped.err).toBe(`${running.jobId} backup of orders-db/orders: queued\nrunning on db-host-7\n`)
    expect(piped.out).toContain('succeeded')
  })

  test('job watch exits 1 when the job failed', async () => {
    const failed = Job.fromPartial({ ...running, state: 'failed' })
    const { status } = await holdfast(['job', 'watch', running.jobId], {
      answers: { getJob: () => GetJobResponse.fromPartial({ job: running }) },
      watched: [failed],
    })
    expect(status).toBe(1)
  })
})

describe('a trend', () => {
  test('shows growth and steadiness for what they are', () => {
    expect(sparkline([1, 2, 3, 4, 5, 6, 7, 8])).toBe('▂▃▄▅▅▆▇█')
    expect(sparkline([100, 101, 99, 100])).toBe('▆█▃▆')
    expect(sparkline([5, 5])).toHaveLength(2)
    expect([sparkline([]), sparkline([0, 0])]).toEqual(['', ''])
    expect([change([100, 118]), change([100, 50, 90]), change([7])]).toEqual([
      '+18 % over 2',
      '-10 % over 3',
      '',
    ])
  })
})

describe('colours', () => {
  test('only on a terminal that can, and not where somebody refuses them', () => {
    expect(wantsColours([], {}, true)).toBe(true)
    expect(wantsColours([], { NO_COLOR: '' }, true)).toBe(true)
    for (const [argv, environment, terminal] of [
      [[], {}, false],
      [['--no-color'], {}, true],
      [[], { NO_COLOR: '0' }, true],
      [[], { TERM: 'dumb' }, true],
    ] as const)
      expect(wantsColours(argv, environment, terminal)).toBe(false)
  })

  test('change no width, and nothing whose state has none', () => {
    const rows = [{ state: 'failed' }, { state: 'no such state' }]
    const columns = [
      { heading: 'STATE', value: (row: { state: string }) => row.state, shrinkTo: 4 },
      { heading: 'X', value: () => 'x' },
    ]
    const plain = table(rows, columns, 10)
    const painted = table(
      rows,
      columns.map(each => ({ ...each, paint: inColours })),
      10,
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken away
    expect(painted.replaceAll(/\u001b\[\d*m/g, '')).toBe(plain)
    expect(inColours('unheard-of')).toBe('unheard-of')
  })
})
