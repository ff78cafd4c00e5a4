export { type Finding, findingCodes } from './finding.ts'
export { FleetLint, type LintedDatabase } from './fleet-lint.ts'
