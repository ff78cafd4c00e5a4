import type {
  Agent,
  Gap,
  GetStatusResponse,
  Job,
  PlannedRun,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'

/** What is known at one look; a part that could not be had is absent, and `failure` says why. */
export interface Facts {
  readonly status?: GetStatusResponse
  readonly jobs: readonly Job[]
  readonly next: readonly PlannedRun[]
  readonly gaps: readonly Gap[]
  readonly agents: readonly Agent[]
  readonly failure?: string
}

/** The parts of the screen, from top to bottom. */
export const panels = ['jobs', 'gaps', 'next', 'agents'] as const
export type Panel = (typeof panels)[number]

/** What each part can be sorted by; the first is how it begins. */
export const orders = {
  jobs: ['state', 'time left', 'rate', 'name'],
  gaps: ['longest', 'name', 'reason'],
  next: ['start', 'name'],
  agents: ['state', 'name', 'running'],
} as const satisfies Record<Panel, readonly string[]>

/** What the person at the keys asked for. */
export interface View {
  readonly panel: Panel
  /** The row of the panel that is marked. */
  readonly cursor: number
  readonly filter: string
  /** Keys go into the filter. */
  readonly typing: boolean
  /** How many times each panel's order was changed. */
  readonly order: Readonly<Record<Panel, number>>
  /** The job that is shown instead of the panels, and how far down. */
  readonly open?: { readonly jobId: string; readonly scroll: number }
  readonly help: boolean
}

/** How it begins. */
export const firstView: View = {
  panel: 'jobs',
  cursor: 0,
  filter: '',
  typing: false,
  order: { jobs: 0, gaps: 0, next: 0, agents: 0 },
  help: false,
}

/** The word a panel is sorted by. */
export function orderOf(view: View, panel: Panel): string {
  const words: readonly string[] = orders[panel]
  return words[view.order[panel] % words.length] ?? ''
}

/** The view after a key; `quit` when it is the last one. */
export function afterKey(view: View, key: string, facts: Facts): View | 'quit' {
  if (key === '\u0003') return 'quit'
  if (view.typing) return typed(view, key)
  if (view.help) return { ...view, help: false }
  if (view.open !== undefined) return inJob(view, view.open, key)
  const at = panels.indexOf(view.panel)
  const to = (panel: Panel | undefined): View => ({ ...view, panel: panel ?? view.panel, cursor: 0 })
  switch (key) {
    case 'q':
      return 'quit'
    case '?':
    case 'h':
      return { ...view, help: true }
    case '/':
      return { ...view, typing: true, cursor: 0 }
    case '\u001b':
      return { ...view, filter: '', cursor: 0 }
    case '\t':
      return to(panels[(at + 1) % panels.length])
    case '\u001b[Z':
      return to(panels[(at + panels.length - 1) % panels.length])
    case '1':
    case '2':
    case '3':
    case '4':
      return to(panels[Number(key) - 1])
    case 's':
      return { ...view, order: { ...view.order, [view.panel]: view.order[view.panel] + 1 } }
    case 'j':
    case '\u001b[B':
    case '\u001bOB':
      return {
        ...view,
        cursor: Math.min(view.cursor + 1, Math.max(0, rowsOf(facts, view, view.panel).length - 1)),
      }
    case 'k':
    case '\u001b[A':
    case '\u001bOA':
      return { ...view, cursor: Math.max(0, view.cursor - 1) }
    case '\r':
    case '\n': {
      const jobId = view.panel === 'jobs' ? jobRows(facts, view)[view.cursor]?.jobId : undefined
      return jobId === undefined ? view : { ...view, open: { jobId, scroll: 0 } }
    }
    default:
      return view
  }
}

function typed(view: View, key: string): View {
  if (key === '\r' || key === '\n') return { ...view, typing: false }
  if (key === '\u001b') return { ...view, typing: false, filter: '' }
  if (key === '\u007f' || key === '\b') return { ...view, filter: [...view.filter].slice(0, -1).join('') }
  return /^\P{Cc}$/u.test(key) ? { ...view, filter: view.filter + key } : view
}

function inJob(view: View, open: NonNullable<View['open']>, key: string): View {
  const { open: _closed, ...closed } = view
  if (['q', '\u001b', '\r', '\n'].includes(key)) return closed
  const by = { j: 1, '\u001b[B': 1, k: -1, '\u001b[A': -1 }[key] ?? 0
  return { ...view, open: { ...open, scroll: Math.max(0, open.scroll + by) } }
}

const urgency = ['running', 'cancelling', 'assigned', 'queued']
const agentStates = ['refused', 'silent', 'away', 'connected']

/** The jobs that the filter lets through, in the order asked for. */
export function jobRows({ jobs }: Facts, view: View): readonly Job[] {
  const by: Record<string, (job: Job) => number | string> = {
    state: job => urgency.indexOf(job.state),
    'time left': job => job.progress?.remainingMs || Number.MAX_SAFE_INTEGER,
    rate: job => -(job.progress?.bytesPerSecond ?? 0),
    name: job => job.subjectName,
  }
  return chosen(jobs, view, 'jobs', each => [each.subjectName, each.kind, each.state, each.agentHost], by)
}

/** The gaps likewise. */
export function gapRows({ gaps }: Facts, view: View): readonly Gap[] {
  const by: Record<string, (gap: Gap) => number | string> = {
    longest: gap => gap.since,
    name: gap => gap.subjectName,
    reason: gap => gap.reason,
  }
  return chosen(gaps, view, 'gaps', each => [each.subjectName, each.subjectKind, each.state, each.reason], by)
}

/** What comes next likewise; what is at work already stands among the jobs. */
export function nextRows({ next }: Facts, view: View): readonly PlannedRun[] {
  const by: Record<string, (run: PlannedRun) => number | string> = {
    start: run => run.startsAt,
    name: run => run.subjectName,
  }
  return chosen(
    next.filter(each => !each.running),
    view,
    'next',
    each => [each.subjectName, each.agentHost, each.destination],
    by,
  )
}

/** The agents likewise. */
export function agentRows({ agents }: Facts, view: View): readonly Agent[] {
  const by: Record<string, (agent: Agent) => number | string> = {
    state: agent => agentStates.indexOf(agent.state),
    name: agent => agent.hostname,
    running: agent => -agent.runningJobIds.length,
  }
  return chosen(agents, view, 'agents', each => [each.hostname, each.state, each.version], by)
}

/** What a panel has to show. */
export function rowsOf(facts: Facts, view: View, panel: Panel): readonly unknown[] {
  return { jobs: jobRows, gaps: gapRows, next: nextRows, agents: agentRows }[panel](facts, view)
}

function chosen<T>(
  rows: readonly T[],
  view: View,
  panel: Panel,
  words: (row: T) => readonly string[],
  by: Readonly<Record<string, (row: T) => number | string>>,
): readonly T[] {
  const wanted = view.filter.toLowerCase()
  const key = by[orderOf(view, panel)] ?? (() => 0)
  return rows
    .filter(row => words(row).some(word => word.toLowerCase().includes(wanted)))
    .map(row => ({ row, key: key(row), name: words(row)[0] ?? '' }))
    .sort((a, b) => compare(a.key, b.key) || compare(a.name, b.name))
    .map(({ row }) => row)
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
