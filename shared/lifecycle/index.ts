export { type Closable, Scope } from './scope.ts'
export { listenForStop, type StopSignals } from './signals.ts'
