export { Answer, type Output, runCommandLine } from './run-command-line.ts'
