import { type Duration, formatDuration, type Millis } from '../../shared/time/index.ts'
import type { Report } from './report.ts'

/** The states of a Nagios plug-in; their numbers are exit statuses. */
export const states = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const
export type State = keyof typeof states

/** When a host's backups are bad. */
export interface Limits {
  /** Data older than this is a warning, and critical. */
  readonly warn: Duration
  readonly critical: Duration
  /** Fewer databases with a good backup than this is critical. */
  readonly atLeast: number
}

export interface Verdict {
  readonly state: State
  /** One line with perfdata, then one line for each problem. */
  readonly text: string
}

/** Judges a report as a monitor would. The age is that of the data, not of the file: a dead agent gets old too. */
export function judge(report: Report, limits: Limits, now: Millis): Verdict {
  const problems: { readonly state: State; readonly text: string }[] = []
  let oldest = 0
  for (const { cluster, database, status, failure, last_good: good } of report.databases) {
    const name = database === '' ? `${cluster} (globals)` : `${cluster}/${database}`
    const age = good === undefined ? undefined : now - Date.parse(good.data_as_of)
    oldest = Math.max(oldest, age ?? 0)
    const why = status === 'failed' && failure !== undefined ? `, last attempt failed: ${failure.code}` : ''
    if (age === undefined) problems.push({ state: 'CRITICAL', text: `${name}: no good backup${why}` })
    else if (age > limits.critical)
      problems.push({ state: 'CRITICAL', text: `${name}: data is ${coarse(age)} old${why}` })
    else if (age > limits.warn)
      problems.push({ state: 'WARNING', text: `${name}: data is ${coarse(age)} old${why}` })
    else if (status === 'failed')
      problems.push({
        state: 'WARNING',
        text: `${name}: ${why.replace(/^, /, '')}, good backup ${coarse(age)} old`,
      })
  }
  if (report.databases_backed_up < limits.atLeast)
    problems.push({
      state: 'CRITICAL',
      text: `${report.databases_backed_up} databases have a good backup, at least ${limits.atLeast} should`,
    })
  const state = worst(problems.map(each => each.state))
  const said =
    problems.length === 0
      ? `${report.databases_backed_up} databases, oldest data ${coarse(oldest)}`
      : `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}, ${report.databases_backed_up} databases`
  return {
    state,
    text: [
      `HOLDFAST ${state} - ${said} | ${perfdata(report, limits, oldest)}`,
      ...problems.map(each => `${each.state}: ${each.text}`),
    ].join('\n'),
  }
}

/** https://nagios-plugins.org/doc/guidelines.html: 'label'=value[UOM];[warn];[crit];[min] */
function perfdata(report: Report, limits: Limits, oldest: number): string {
  return [
    `oldest=${Math.round(oldest / 1_000)}s;${limits.warn / 1_000};${limits.critical / 1_000};0`,
    `databases=${report.databases_backed_up};;;0`,
    `failing=${report.databases_failing};;;0`,
    `stored=${report.stored_bytes}B;;;0`,
  ].join(' ')
}

function worst(found: readonly State[]): State {
  if (found.includes('CRITICAL')) return 'CRITICAL'
  return found.includes('WARNING') ? 'WARNING' : 'OK'
}

function coarse(millis: number): string {
  return millis < 60_000 ? 'under a minute' : formatDuration(Math.round(millis / 60_000) * 60_000)
}
