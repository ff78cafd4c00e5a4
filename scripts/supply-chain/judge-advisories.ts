/** What `npm audit --json` came to. */
export type Advisories =
  | { readonly kind: 'none' }
  | { readonly kind: 'found'; readonly packages: readonly string[] }
  /** The registry has no advisories to ask, or does not answer: nothing was checked. */
  | { readonly kind: 'unknown'; readonly why: string }

interface Report {
  readonly message?: string
  readonly error?: { readonly summary?: string }
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity?: string }>>
}

const serious: ReadonlySet<string> = new Set(['high', 'critical'])

/** Reads the answer. Only a report that lists vulnerabilities, however few, counts as an answer. */
export function judgeAdvisories(output: string): Advisories {
  let report: Report
  try {
    report = JSON.parse(output.slice(Math.max(0, output.indexOf('{')))) as Report
  } catch {
    return { kind: 'unknown', why: 'npm audit gave no report' }
  }
  if (report.vulnerabilities === undefined) {
    const why = report.message ?? report.error?.summary ?? 'npm audit gave no report'
    // the address of a registry is nobody's business in a log
    return { kind: 'unknown', why: why.replaceAll(/https?:\/\/\S+/g, 'the registry') }
  }
  const packages = Object.entries(report.vulnerabilities)
    .filter(([, { severity }]) => serious.has(severity ?? ''))
    .map(([name, { severity }]) => `${name} (${severity})`)
  return packages.length === 0 ? { kind: 'none' } : { kind: 'found', packages }
}
