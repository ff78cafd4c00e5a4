import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import { parseDuration } from '../../shared/time/index.ts'
import { leaf, type Session, type Terminal } from '../command.ts'
import { plainly } from '../print/paint.ts'
import type { Screen } from '../screen.ts'
import { picture } from '../top/picture.ts'
import { afterKey, type Facts, firstView, type View } from '../top/view.ts'
import { jobCard } from './job.ts'

/** Rows of each part that are asked for: more than a screen has. */
const most = 200
/** A forecast is made in a thread of the coordinator: it is asked for less often than the rest. */
const planEvery = 15_000
const ahead = 24 * 3_600_000

/** `holdfast top`: the fleet on a live screen. */
export function topCommand(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'top',
      summary: 'watch the fleet: jobs with their progress, what is not protected, what comes next, agents',
      examples: ['holdfast top', 'holdfast top --every 10s'],
    },
    command => command.option('--every <duration>', 'how often it looks', '2s'),
    async (session, _args, options) => {
      const { screen } = terminal
      if (screen === undefined)
        throw new AppError('usage.invalid', {
          message: 'top needs a terminal',
          hint: '`holdfast status` and `holdfast job list` tell it in text.',
        })
      const every = parseDuration(String(options['every']))
      if (every === undefined || every < 100)
        throw new AppError('usage.invalid', { message: '--every must be a duration from 100ms, such as 5s' })
      await screen.full(() => live(session, screen, every))
    },
  )
}

/** Looks, paints, and follows the keys until one of them ends it, or the signal does. */
async function live(session: Session, screen: Screen, every: number): Promise<void> {
  const { terminal } = session
  const ended = new AbortController()
  const over = AbortSignal.any([ended.signal, terminal.signal])
  const looker = new Looker(session)
  let view: View = firstView
  let facts: Facts = { jobs: [], gaps: [], next: [], agents: [] }
  let job: string | undefined
  let wake = new AbortController()
  const repaint = () => {
    const { columns, rows } = screen
    const { now, paint } = terminal
    const shownJob = view.open === undefined || job === undefined ? {} : { job }
    screen.paint(
      picture(facts, view, {
        columns,
        rows,
        now: now(),
        address: session.coordinator.address,
        paint: paint ?? plainly,
        ...shownJob,
      }),
    )
  }
  const offResize = screen.onResize(repaint)
  const offKeys = screen.onKey(key => {
    const next = afterKey(view, key, facts)
    if (next === 'quit') return ended.abort()
    if (next.open?.jobId !== view.open?.jobId) {
      job = next.open && 'asking …'
      wake.abort()
    }
    view = next
    repaint()
  })
  try {
    repaint()
    while (!over.aborted) {
      wake = new AbortController()
      const open = view.open?.jobId
      facts = await looker.look(facts)
      if (open !== undefined) job = await looker.job(open)
      if (over.aborted) return
      repaint()
      await pause(every, undefined, { signal: AbortSignal.any([over, wake.signal]) }).catch(() => undefined)
    }
  } finally {
    offKeys()
    offResize()
  }
}

/** Asks the coordinator for what the screen shows. */
class Looker {
  readonly #session: Session
  #plannedAt = Number.NEGATIVE_INFINITY

  constructor(session: Session) {
    this.#session = session
  }

  /** What there is now; while the coordinator is away, what there was, and why there is no more. */
  async look(before: Facts): Promise<Facts> {
    const { coordinator } = this.#session
    const page = { pageSize: most, pageToken: '' }
    try {
      const [status, { jobs }, { gaps }, { agents }] = await Promise.all([
        coordinator.ask('getStatus', {}),
        coordinator.ask('listJobs', { ...page, filter: 'open=true' }),
        coordinator.ask('listGaps', { ...page, filter: '' }),
        coordinator.ask('listAgents', { ...page, filter: '' }),
      ])
      return { status, jobs, gaps, agents, next: await this.#next(before.next) }
    } catch (thrown) {
      const { code, message } = AppError.from(thrown)
      return { ...before, failure: `${message} [${code}]; looking again` }
    }
  }

  /** What was forecast last; an older coordinator has no forecast, and the rest of the screen does without. */
  async #next(before: Facts['next']): Promise<Facts['next']> {
    const { coordinator, terminal } = this.#session
    if (terminal.now() - this.#plannedAt < planEvery) return before
    this.#plannedAt = terminal.now()
    const plan = { at: 0, horizonMs: ahead, whatIf: '', limit: most }
    return coordinator.ask('getPlan', plan).then(
      ({ runs }) => runs,
      () => before,
    )
  }

  async job(jobId: string): Promise<string> {
    try {
      return jobCard(await this.#session.coordinator.ask('getJob', { jobId }), this.#session.terminal)
    } catch (thrown) {
      const { code, message } = AppError.from(thrown)
      return `${message} [${code}]`
    }
  }
}
