import type { DestinationProbe, ProbeLevel } from '../../shared/object-store/index.ts'
import type { DoctorFinding } from './finding.ts'

const marks: Readonly<Record<ProbeLevel, string>> = {
  ok: 'ok',
  note: 'note',
  warning: 'WARNING',
  problem: 'PROBLEM',
}

/** What was found on this host, as a table. */
export function hostTable(findings: readonly DoctorFinding[]): string {
  return table(
    ['', 'what', 'found'],
    findings.map(({ subject, level, detail }) => [marks[level], subject, detail]),
  )
}

/** What a destination supports, as a table, with a profile that fits. */
export function probeTable(probe: DestinationProbe): string {
  const { suggestion, left } = probe
  const head = `${probe.url}${probe.endpoint === undefined ? '' : ` at ${probe.endpoint}`}, profile ${probe.profile}\n\n`
  const body = table(
    ['', 'check', 'answer', 'found'],
    probe.findings.map(({ check, answer, level, detail }) => [marks[level], check, answer, detail]),
  )
  const advice =
    suggestion === undefined
      ? ''
      : `\nsuggested: profile ${suggestion.profile}${suggestion.checksum === undefined ? '' : `, checksum ${suggestion.checksum}`} (${suggestion.reasons.join('; ')})\n`
  const rest =
    left.length === 0
      ? ''
      : `\nleft behind, since these credentials may not delete:\n${left.map(key => `  ${key}\n`).join('')}` +
        'A lifecycle rule on v1/doctor/ removes such things after a day.\n'
  return head + body + advice + rest
}

/** One line over all. */
export function verdict(findings: readonly { readonly level: ProbeLevel }[]): string {
  const count = (level: ProbeLevel) => findings.filter(finding => finding.level === level).length
  const [problems, warnings] = [count('problem'), count('warning')]
  if (problems > 0)
    return `${problems} ${problems === 1 ? 'problem' : 'problems'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`
  return warnings > 0
    ? `no problem, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`
    : 'no problem\n'
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()}\n`
  return line(head.map(title => title.toUpperCase())) + rows.map(line).join('')
}
