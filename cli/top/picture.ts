import type { Paint } from '../print/paint.ts'
import { bar, shareOf } from '../print/progress.ts'
import { type Column, printable, table } from '../print/table.ts'
import { ago, bytes, instant, shortDuration } from '../print/units.ts'
import {
  agentRows,
  type Facts,
  gapRows,
  jobRows,
  nextRows,
  orderOf,
  type Panel,
  panels,
  rowsOf,
  type View,
} from './view.ts'

/** Where a picture is made for. */
export interface Frame {
  readonly columns: number
  readonly rows: number
  readonly now: number
  readonly address: string
  readonly paint: Paint
  /** The text of the job that is open. */
  readonly job?: string
}

const titles: Readonly<Record<Panel, string>> = {
  jobs: 'Jobs',
  gaps: 'Not protected',
  next: 'Next',
  agents: 'Agents',
}

const help = [
  'tab, 1 to 4     go to another part',
  '↑ ↓, j k        mark a row',
  'enter           open the marked job; q or esc closes it',
  '/               filter every part; esc shows all again',
  's               sort the part by something else',
  'q, Ctrl-C       end',
]

/** The whole screen, a line each: head, parts, foot. Never more lines than the frame has rows. */
export function picture(facts: Facts, view: View, frame: Frame): readonly string[] {
  const head = headOf(facts, frame)
  const foot = footOf(view)
  const room = Math.max(1, frame.rows - head.length - 1)
  const body =
    frame.job !== undefined && view.open !== undefined
      ? frame.job.split('\n').slice(view.open.scroll)
      : view.help
        ? help
        : parts(facts, view, frame, room)
  const filled = [
    ...body.slice(0, room),
    ...Array.from({ length: Math.max(0, room - body.length) }, () => ''),
  ]
  return [...head, ...filled, foot]
}

function headOf({ status, failure }: Facts, { address, now }: Frame): readonly string[] {
  const clock = `${instant(now).slice(11, 19)} UTC`
  if (status === undefined || failure !== undefined)
    return [`holdfast top · ${address} · ${clock}`, printable(failure ?? 'asking …')]
  const { databases, protected: kept, due, atRisk, breached, unprotected } = status
  const leading = status.leader ? '' : ' · standing by'
  const counts = [
    `${databases} databases: ${kept} protected`,
    ...[
      [due, 'due'] as const,
      [atRisk, 'at risk'] as const,
      [breached, 'breached'] as const,
      [unprotected, 'unprotected'] as const,
    ].flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : [])),
  ].join(', ')
  const day = `24 h: ${status.jobsSucceeded24h} succeeded, ${status.jobsFailed24h} failed`
  return [`holdfast top · ${address}${leading} · ${clock}`, `${counts} · ${day}`]
}

function footOf(view: View): string {
  if (view.typing) return `/${printable(view.filter)}▏  enter keeps it, esc shows all`
  if (view.open !== undefined) return 'q closes · ↑↓ scroll'
  const filter = view.filter === '' ? '/ filter' : `/${printable(view.filter)} (esc shows all)`
  return `q ends · tab ${titles[view.panel]} · ↑↓ enter opens · ${filter} · s by ${orderOf(view, view.panel)} · ? help`
}

/** The parts under one another; each has what it needs, and where that is too much, its share; the chosen one more. */
function parts(facts: Facts, view: View, frame: Frame, room: number): readonly string[] {
  const least = 3
  const shown = room < least * panels.length ? [view.panel] : panels
  const wants = new Map(shown.map(panel => [panel, Math.max(1, rowsOf(facts, view, panel).length) + 2]))
  const heights = new Map(shown.map(panel => [panel, Math.min(wants.get(panel) ?? least, least)]))
  const order = [view.panel, ...shown.filter(panel => panel !== view.panel)]
  let left = room - [...heights.values()].reduce((sum, height) => sum + height, 0)
  while (left > 0) {
    const growing = order.filter(panel => (heights.get(panel) ?? 0) < (wants.get(panel) ?? 0))
    if (growing.length === 0) break
    for (const panel of growing)
      if (left > 0) {
        heights.set(panel, (heights.get(panel) ?? 0) + 1)
        left--
      }
  }
  return shown.flatMap(panel => part(facts, view, frame, panel, heights.get(panel) ?? least))
}

function part(facts: Facts, view: View, frame: Frame, panel: Panel, height: number): readonly string[] {
  const count = rowsOf(facts, view, panel).length
  const chosen = panel === view.panel
  const title = `${chosen ? '▸' : ' '} ${titles[panel]} ${count}`
  if (count === 0) return [`${title}: none`]
  const [heading = '', ...lines] = textOf(facts, view, frame, panel).split('\n')
  const fit = Math.max(1, height - 2)
  const cursor = chosen ? Math.min(view.cursor, lines.length - 1) : 0
  const from = Math.max(0, Math.min(cursor - fit + 1, lines.length - fit))
  const rows = lines
    .slice(from, from + fit)
    .map((line, i) => (chosen && from + i === cursor ? marked(line, frame.columns - 2) : line))
  return [title, ...[heading, ...rows].map(line => `  ${line}`)]
}

/** In reverse from edge to edge; colours inside would end it. */
function marked(line: string, width: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken away
  return `\u001b[7m${line.replaceAll(/\u001b\[\d*m/g, '').padEnd(width)}\u001b[0m`
}

function textOf(facts: Facts, view: View, { columns, now, paint }: Frame, panel: Panel): string {
  const width = columns - 2
  switch (panel) {
    case 'jobs':
      return table(jobRows(facts, view), jobColumns(now, paint), width)
    case 'gaps':
      return table(
        gapRows(facts, view),
        [
          { heading: 'NAME', value: g => g.subjectName || g.subjectId, shrinkTo: 16 },
          { heading: 'STATE', value: g => g.state, paint },
          { heading: 'REASON', value: g => g.reason, shrinkTo: 8 },
          { heading: 'SINCE', value: g => ago(g.since, now) },
          { heading: 'DETAIL', value: g => g.detail, shrinkTo: 10, drop: 1 },
        ],
        width,
      )
    case 'next':
      return table(
        nextRows(facts, view),
        [
          { heading: 'STARTS', value: r => ago(r.startsAt, now) },
          { heading: 'NAME', value: r => r.subjectName, shrinkTo: 16 },
          { heading: 'HOST', value: r => r.agentHost, shrinkTo: 8 },
          { heading: 'TAKES', value: r => shortDuration(r.endsAt - r.startsAt), align: 'right' },
          {
            heading: 'PROMISED BY',
            value: r =>
              r.deadline > 0 && r.endsAt > r.deadline ? `late: ${instant(r.deadline)}` : instant(r.deadline),
            paint,
          },
        ],
        width,
      )
    case 'agents':
      return table(
        agentRows(facts, view),
        [
          { heading: 'HOST', value: a => a.hostname, shrinkTo: 16 },
          { heading: 'STATE', value: a => (a.draining ? `${a.state}, draining` : a.state), paint },
          { heading: 'SEEN', value: a => ago(a.lastSeenAt, now) },
          { heading: 'RUNNING', value: a => String(a.runningJobIds.length), align: 'right' },
          { heading: 'INSTANCES', value: a => String(a.instances), align: 'right' },
          { heading: 'VERSION', value: a => a.version, drop: 1 },
        ],
        width,
      )
  }
}

function jobColumns(now: number, paint: Paint): readonly Column<ReturnType<typeof jobRows>[number]>[] {
  return [
    { heading: 'NAME', value: j => j.subjectName, shrinkTo: 16, cut: 'start' },
    { heading: 'KIND', value: j => j.kind, drop: 2 },
    { heading: 'STATE', value: j => j.state, paint },
    {
      heading: 'PROGRESS',
      value: j => {
        const share = shareOf(j)
        return share === undefined ? '-' : `${bar(share, 12)} ${Math.floor(share * 100)} %`
      },
    },
    { heading: 'RATE', value: j => rateOf(j.progress?.bytesPerSecond ?? 0), align: 'right', drop: 4 },
    { heading: 'LEFT', value: j => leftOf(j.progress?.remainingMs ?? 0), align: 'right' },
    { heading: 'HOST', value: j => j.agentHost || '-', shrinkTo: 8, drop: 1 },
    { heading: 'SINCE', value: j => ago(j.startedAt || j.createdAt, now), drop: 3 },
  ]
}

function rateOf(bytesPerSecond: number): string {
  return bytesPerSecond > 0 ? `${bytes(bytesPerSecond)}/s` : '-'
}

function leftOf(remaining: number): string {
  return remaining > 0 ? `~${shortDuration(remaining)}` : '-'
}
