import { describe, expect, test } from 'vitest'
import { keysIn, type Screen } from '../../cli/screen.ts'
import { AppError } from '../../shared/errors/index.ts'
import { Job } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { startFakeOperatorService } from '../harness/fake-operator-service.ts'
import { pseudoTerminal } from '../harness/pseudo-terminal.ts'
import { holdfast, now } from './holdfast.ts'

const jobId = 'job_01890a5d-ac96-774b-bcce-b302099a8057'
const job = (state: string) =>
  Job.fromPartial({ jobId, kind: 'backup', subjectName: 'orders-db/orders', state, createdAt: now })

/** A screen that keeps its pictures, and ends the watch after so many. */
function screenFor(count: number) {
  const pictures: (readonly string[])[] = []
  const ending = new AbortController()
  const screen: Screen = {
    columns: 100,
    rows: 30,
    full: work => work(),
    paint: lines => {
      pictures.push(lines)
      if (pictures.length === count) ending.abort()
    },
    onKey: () => () => undefined,
    onResize: () => () => undefined,
  }
  return { pictures, screen, signal: ending.signal }
}

describe('--watch', () => {
  test('needs a terminal, and an answer for people; the time between must be a duration', async () => {
    expect((await holdfast(['job', 'list', '--watch'])).err).toContain('--watch needs a terminal')
    const { screen } = screenFor(1)
    const json = await holdfast(['job', 'list', '--watch', '-o', 'json'], { screen })
    expect(json).toMatchObject({ status: 2, seen: [] })
    expect((await holdfast(['job', 'list', '--watch', '--every', 'now'], { screen })).status).toBe(2)
  })

  test('paints again and again under what was asked; what fails meanwhile is told and got over', async () => {
    const { pictures, ...around } = screenFor(3)
    let asked = 0
    const listJobs = () => {
      asked++
      if (asked === 2) throw new AppError('coordinator.draining')
      return { jobs: [job(asked === 1 ? 'running' : 'succeeded')], nextPageToken: 'more' }
    }
    const { status, out } = await holdfast(
      ['job', 'list', '--kind', 'backup', '--limit', '1', '--watch', '--every', '100ms'],
      { answers: { listJobs }, ...around },
    )
    expect({ status, out }).toEqual({ status: 0, out: '' })
    expect(pictures[0]?.[0]).toBe('holdfast job list --limit 1 --kind backup · 08:00:00 UTC · Ctrl-C ends')
    expect(pictures[0]?.join('\n')).toContain('running')
    expect(pictures[0]?.join('\n')).toContain('more rows')
    expect(pictures[1]?.join('\n')).toContain('[coordinator.draining]')
    expect(pictures[2]?.join('\n')).toContain('succeeded')
  })

  test('in a real terminal: repaints without clearing, and gives the terminal back on Ctrl-C', async () => {
    let state = 'running'
    const service = await startFakeOperatorService({
      listJobs: () => ({ jobs: [job(state)], nextPageToken: '' }),
    })
    try {
      await using terminal = await pseudoTerminal(
        ['holdfast', 'job', 'list', '--watch', '--every', '200ms'],
        {
          env: { HOLDFAST_COORDINATOR: service.address },
        },
      )
      await terminal.shows('running')
      // the state in its colour, the heading without
      expect(terminal.raw()).toContain('\u001b[36mrunning\u001b[0m')
      state = 'succeeded'
      const shown = await terminal.shows('succeeded')
      expect(shown.join('\n')).not.toContain('running')
      expect(terminal.raw()).not.toContain('\u001b[2J')
      terminal.type('\u0003')
      expect(await terminal.exited()).toBe(0)
      expect(terminal.raw().endsWith('\u001b[?7h\u001b[?25h\u001b[?1049l')).toBe(true)
      expect(terminal.settings()).toMatch(/[^-]icanon.*[^-]echo /s)
    } finally {
      await service.stop()
    }
  })

  test('colours are refused by --no-color and by NO_COLOR', async () => {
    const service = await startFakeOperatorService({
      listJobs: () => ({ jobs: [job('running')], nextPageToken: '' }),
    })
    try {
      for (const [argv, env] of [
        [['--no-color'], {}],
        [[], { NO_COLOR: '1' }],
        [[], { TERM: 'dumb' }],
      ] as const) {
        await using terminal = await pseudoTerminal(['holdfast', 'job', 'list', ...argv], {
          env: { HOLDFAST_COORDINATOR: service.address, ...env },
        })
        await terminal.exited()
        expect(terminal.raw()).toContain('running')
        expect(terminal.raw()).not.toContain('\u001b')
      }
    } finally {
      await service.stop()
    }
  })
})

test('keys come one by one, whatever the terminal sends at once', () => {
  expect(keysIn('a\u001b[A\u001b[5~ü\u001bOB\u0003\u001b')).toEqual([
    'a',
    '\u001b[A',
    '\u001b[5~',
    'ü',
    '\u001bOB',
    '\u0003',
    '\u001b',
  ])
})
