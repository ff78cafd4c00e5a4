export { judge, type Limits, type State, states, type Verdict } from './judge.ts'
export type { Report } from './report.ts'
export { ReportFile, readReport } from './report-file.ts'
