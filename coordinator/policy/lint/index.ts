export { type Finding, findingCodes } from './finding.ts'
export { FleetLint, type LintedDatabase, leastRate } from './fleet-lint.ts'
