import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { parseDuration } from '../../shared/time/index.ts'
import type { GetPlanResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, type Terminal } from '../command.ts'
import { gantt } from '../print/gantt.ts'
import { table } from '../print/table.ts'
import { instant, shortDuration } from '../print/units.ts'
import { watchOption } from '../watch.ts'

/** Bars beyond this many are no picture any more. */
const mostBars = 40

/** `holdfast plan`: what the time ahead will bring, as a table and as bars, and what will not make it. */
export function planCommand(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'plan',
      summary: 'show what will run where and when, and what will not make it',
      examples: [
        'holdfast plan',
        'holdfast plan --at 2026-11-23T22:00:00Z --for 8h',
        'holdfast plan --what-if half-the-slots.yaml -o json',
      ],
      exits: '0 every promise will be kept; 1 at least one will not',
    },
    command =>
      watchOption(command)
        .option('--at <time>', 'from this time on: ISO 8601, or a duration from now such as 6h')
        .option('--for <duration>', 'how far to look from there', '24h')
        .option('--what-if <file>', 'suppose other slots, budgets, agents away, longer backups (YAML)')
        .option('--limit <count>', 'runs and misses to show', '50'),
    async ({ coordinator, print }, _args, options) => {
      const horizonMs = parseDuration(String(options['for']))
      if (horizonMs === undefined) throw usage(`\`${String(options['for'])}\` is no duration`)
      const limit = Number(options['limit'])
      if (!Number.isInteger(limit) || limit < 1) throw usage('--limit takes a whole number from 1 on')
      const answer = await coordinator.ask('getPlan', {
        at: options['at'] === undefined ? 0 : timeOf(String(options['at']), terminal.now()),
        horizonMs,
        whatIf: options['whatIf'] === undefined ? '' : read(String(options['whatIf'])),
        limit,
      })
      print(answer, () => shown(answer, terminal))
      if (answer.missesTotal > 0) throw new Answer(1)
    },
  )
}

function shown(plan: GetPlanResponse, { width }: Terminal): string {
  const head = `${instant(plan.from)} to ${instant(plan.until)}, every backup as long as its P90`
  if (plan.runs.length === 0 && plan.misses.length === 0) return `${head}\n\nnothing will run`
  const parts = [head]
  if (plan.runs.length > 0) {
    parts.push(
      table(
        plan.runs,
        [
          { heading: 'STARTS', value: r => (r.running ? 'runs now' : instant(r.startsAt)) },
          { heading: 'TAKES', value: r => shortDuration(r.endsAt - r.startsAt), align: 'right' },
          { heading: 'NAME', value: r => r.subjectName, shrinkTo: 16 },
          { heading: 'HOST', value: r => r.agentHost, shrinkTo: 8 },
          { heading: 'TO', value: r => r.destination || '-', shrinkTo: 6 },
          { heading: 'PROMISED BY', value: r => instant(r.deadline) },
          { heading: '', value: r => (r.deadline > 0 && r.endsAt > r.deadline ? 'LATE' : '') },
        ],
        width,
      ),
      more(plan.runs.length, plan.runsTotal, 'runs'),
      gantt(
        plan.runs.slice(0, mostBars).map(each => ({
          label: each.subjectName,
          from: each.startsAt,
          to: each.endsAt,
          deadline: each.deadline,
        })),
        plan.from,
        Math.min(plan.until, Math.max(...plan.runs.map(each => each.endsAt))),
        width,
      ),
    )
  }
  parts.push(
    plan.misses.length === 0
      ? 'every promise will be kept'
      : `${plan.missesTotal} will not make it:\n${table(
          plan.misses,
          [
            { heading: 'NAME', value: m => m.subjectName, shrinkTo: 16 },
            { heading: 'PROMISED BY', value: m => instant(m.deadline) },
            { heading: 'ENDS', value: m => instant(m.endsAt) },
            { heading: 'WHY', value: m => m.code },
            { heading: '', value: m => m.text, wrap: true, shrinkTo: 20 },
          ],
          width,
        )}`,
    more(plan.misses.length, plan.missesTotal, 'misses'),
  )
  return parts.filter(part => part !== '').join('\n\n')
}

function more(count: number, total: number, what: string): string {
  return total > count ? `${total - count} more ${what}; --limit shows them` : ''
}

function timeOf(text: string, now: number): number {
  const duration = parseDuration(text)
  if (duration !== undefined) return now + duration
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw usage(`\`${text}\` is no time; expected 2026-11-23T22:00:00Z or 6h`)
  return at
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new AppError('usage.invalid', { message: `\`${path}\` cannot be read`, cause: thrown })
  }
}

function usage(message: string): AppError {
  return new AppError('usage.invalid', { message })
}
