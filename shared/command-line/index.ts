export { Answer, type Output, runCommandLine, wantsOutput } from './run-command-line.ts'
