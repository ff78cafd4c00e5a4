export { boundToUs } from './bound.ts'
export { ChildPeaks, residentSetOf } from './child-memory.ts'
export { type ChildRecord, isAlive, ownRecord } from './child-record.ts'
export type { Command, StageResult, Termination } from './command.ts'
export { childEnvironment } from './environment.ts'
export {
  abortCause,
  type JoinedProcesses,
  type JoinedStage,
  type JoinRequest,
  joinProcesses,
} from './join.ts'
export { endLeftovers } from './leftovers.ts'
export { type ChildPriority, startedThrough } from './priority.ts'
export { redact } from './redact.ts'
export { type RunResult, runCommand } from './run.ts'
export { type OtherUser, otherUser } from './run-as.ts'
export type { JoinEnd } from './running-pipe.ts'
export { endServerIn, type RunningServer, startServer } from './server.ts'
export { type StageEnd, stageFailed } from './stage-process.ts'
export { createToolFinder, type ToolFinderOptions } from './tool-finder.ts'
