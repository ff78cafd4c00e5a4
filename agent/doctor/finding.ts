import type { ProbeLevel } from '../../shared/object-store/index.ts'

/** What the doctor looked at on this host. */
export type DoctorArea = 'tools' | 'host' | 'state' | 'hooks' | 'verify' | 'instance'

/** One thing found out about this host. */
export interface DoctorFinding {
  readonly area: DoctorArea
  /** Which tool, folder or instance. */
  readonly subject: string
  readonly level: ProbeLevel
  /** For people, one line; nothing secret. */
  readonly detail: string
}

/** The gravest level of all: `problem` is what makes the doctor's answer a "no". */
export function gravest(findings: readonly { readonly level: ProbeLevel }[]): ProbeLevel {
  const order: readonly ProbeLevel[] = ['problem', 'warning', 'note', 'ok']
  return order.find(level => findings.some(finding => finding.level === level)) ?? 'ok'
}
