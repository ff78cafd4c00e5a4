import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { inColours, plainly } from '../../cli/print/paint.ts'
import { type Frame, picture } from '../../cli/top/picture.ts'
import { afterKey, type Facts, firstView, type View } from '../../cli/top/view.ts'
import {
  Agent,
  Gap,
  GetJobResponse,
  GetPlanResponse,
  GetStatusResponse,
  Job,
  PlannedRun,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { startFakeOperatorService } from '../harness/fake-operator-service.ts'
import { pseudoTerminal } from '../harness/pseudo-terminal.ts'
import { holdfast, now } from './holdfast.ts'

const jobId = (n: number) => `job_01890a5d-ac96-7000-8000-00000000000${n}`
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
const jobs = [
  Job.fromPartial({
    jobId: jobId(1),
    kind: 'backup',
    subjectName: 'shop-db/carts',
    state: 'queued',
    createdAt: now,
  }),
  Job.fromPartial({
    jobId: jobId(2),
    kind: 'backup',
    subjectName: `orders-db/${'o'.repeat(63)}`,
    state: 'running',
    agentHost: 'db-host-7',
    startedAt: now - 64_000,
    progress,
  }),
]
const facts: Facts = {
  status: GetStatusResponse.fromPartial({ leader: true, databases: 4, protected: 3, breached: 1 }),
  jobs,
  gaps: Array.from({ length: 30 }, (_, n) =>
    Gap.fromPartial({
      subjectKind: 'database',
      subjectName: `orders-db/${String(n).padStart(2, '0')}`,
      state: 'breached',
      reason: 'overdue',
      since: now - n * 60_000,
    }),
  ),
  next: [
    PlannedRun.fromPartial({
      subjectName: 'a/b',
      agentHost: 'h',
      startsAt: now + 60_000,
      endsAt: now + 120_000,
      deadline: now + 90_000,
    }),
    PlannedRun.fromPartial({ subjectName: 'runs/already', running: true }),
  ],
  agents: [
    Agent.fromPartial({ hostname: 'db-host-7', state: 'connected', lastSeenAt: now }),
    Agent.fromPartial({ hostname: 'db-host-8', state: 'silent', lastSeenAt: now - 60_000 }),
  ],
}
const frame: Frame = { columns: 80, rows: 24, now, address: '127.0.0.1:7000', paint: plainly }

/** The view after some keys. */
const pressing = (...keys: string[]): View =>
  keys.reduce((view, key) => {
    const next = afterKey(view, key, facts)
    if (next === 'quit') throw new Error('it has ended')
    return next
  }, firstView)

describe('the picture of top', () => {
  test('has jobs with their progress, what is not protected, what comes next, agents', () => {
    const text = picture(facts, firstView, frame).join('\n')
    for (const shown of [
      '4 databases: 3 protected, 1 breached',
      '75 %',
      'overdue',
      'late: 2027',
      'db-host-8',
      'silent',
    ])
      expect(text).toContain(shown)
    expect(text).not.toContain('runs/already')
    // what is worst comes first
    expect(text.indexOf('running')).toBeLessThan(text.indexOf('queued'))
    expect(text.indexOf('db-host-8')).toBeLessThan(text.lastIndexOf('db-host-7'))
  })

  test('fits any terminal, whatever was pressed, in colours and without', () => {
    const keys = fc.constantFrom('\t', 'j', 'k', 's', '/', 'x', '\r', '\u001b', '?', '3', '\u001b[B')
    fc.assert(
      fc.property(
        fc.integer({ min: 60, max: 200 }),
        fc.integer({ min: 6, max: 60 }),
        fc.array(keys, { maxLength: 12 }),
        (columns, rows, pressed) => {
          const view = pressing(...pressed)
          for (const paint of [plainly, inColours]) {
            const lines = picture(facts, view, { ...frame, columns, rows, paint })
            expect(lines).toHaveLength(rows)
            // head and foot are cut by the terminal
            for (const line of lines.slice(2, -1)) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
          }
        },
      ),
    )
  })

  test('says what is wrong when the coordinator does not answer, and keeps what it knew', () => {
    const text = picture(
      { ...facts, failure: 'it is away [coordinator.unreachable]' },
      firstView,
      frame,
    ).join('\n')
    expect(text).toContain('[coordinator.unreachable]')
    expect(text).toContain('75 %')
  })

  test('a marked row far down is on the screen', () => {
    const view = pressing('2', ...Array.from({ length: 25 }, () => 'j'))
    const line = picture(facts, view, frame).find(each => each.includes('\u001b[7m'))
    expect(line).toContain('orders-db/04')
  })
})

describe('the keys of top', () => {
  test('q and Ctrl-C end it, but q closes a job first', () => {
    expect(afterKey(firstView, 'q', facts)).toBe('quit')
    expect(afterKey(pressing('\r'), '\u0003', facts)).toBe('quit')
    expect(pressing('\r').open).toEqual({ jobId: jobId(2), scroll: 0 })
    expect(pressing('\r', 'j', 'j', 'k').open?.scroll).toBe(1)
    expect(pressing('\r', 'q').open).toBeUndefined()
  })

  test('what is typed after / filters every part, until esc', () => {
    const typed = pressing('/', 'c', 'A', 'x', '\u007f', 'r', '\r')
    expect(typed).toMatchObject({ filter: 'cAr', typing: false })
    const text = picture(facts, typed, frame).join('\n')
    expect(text).toContain('shop-db/carts')
    expect(text).not.toContain('75 %')
    expect(pressing('/', 'q', '\u001b')).toMatchObject({ filter: '', typing: false })
  })

  test('s sorts the chosen part by something else', () => {
    const byName = picture(facts, pressing('s', 's', 's'), frame).join('\n')
    expect(byName).toContain('s by name')
    expect(picture(facts, pressing('4', 's'), frame).join('\n')).toMatch(/db-host-7.*\n.*db-host-8/)
  })
})

describe('holdfast top', () => {
  test('without a terminal says what to ask instead', async () => {
    const { status, err } = await holdfast(['top'])
    expect(status).toBe(2)
    expect(err).toContain('holdfast status')
  })

  test('in a real terminal: paints, follows keys and size, opens a job, and gives the terminal back', async () => {
    const service = await startFakeOperatorService({
      getStatus: () => facts.status,
      listJobs: () => ({ jobs, nextPageToken: '' }),
      listGaps: () => ({ gaps: facts.gaps, nextPageToken: '' }),
      listAgents: () => ({ agents: facts.agents, nextPageToken: '' }),
      getPlan: () => GetPlanResponse.fromPartial({ runs: [...facts.next] }),
      getJob: () => GetJobResponse.fromPartial({ job: { ...jobs[1], reason: 'before the migration' } }),
    })
    const env = { HOLDFAST_COORDINATOR: service.address }
    try {
      {
        await using terminal = await pseudoTerminal(['holdfast', 'top', '--every', '200ms'], { env })
        await terminal.shows('75 %')
        expect(terminal.settings()).toContain('-icanon')
        expect(await terminal.shows(/^ {2}Agents 2/)).toHaveLength(24)
        await terminal.resize(120, 40)
        // where there is room, more columns and more rows
        await terminal.shows(/HOST +SINCE/)
        expect(terminal.screen()).toHaveLength(40)
        terminal.type('/cart')
        await terminal.shows('/cart')
        await terminal.shows(/Not protected 0/)
        terminal.type('\u001b')
        await terminal.shows(/Not protected 30/)
        terminal.type('\r')
        await terminal.shows('before the migration')
        terminal.type('q')
        await terminal.shows('75 %')
        terminal.type('q')
        expect(await terminal.exited()).toBe(0)
        expect(terminal.raw().endsWith('\u001b[?7h\u001b[?25h\u001b[?1049l')).toBe(true)
        expect(terminal.settings()).not.toMatch(/-icanon|-echo /)
      }
      for (const end of ['SIGTERM', 'Ctrl-C'] as const) {
        await using terminal = await pseudoTerminal(['holdfast', 'top'], { env })
        await terminal.shows('75 %')
        if (end === 'SIGTERM') process.kill(terminal.pid, end)
        else terminal.type('\u0003')
        await terminal.exited()
        expect(terminal.raw()).toContain('\u001b[?25h\u001b[?1049l')
        expect(terminal.settings()).not.toMatch(/-icanon|-echo /)
      }
    } finally {
      await service.stop()
    }
  })
})
