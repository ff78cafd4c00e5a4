import type { JoinedStage } from '../process/index.ts'

/** The stage and its tap, started through `nice`, `ionice` and the like. */
export function through(stage: JoinedStage, programs: readonly string[] = []): JoinedStage {
  if (programs.length === 0) return stage
  return {
    ...stage,
    command: { ...stage.command, through: programs },
    ...(stage.tap === undefined ? {} : { tap: { ...stage.tap, through: programs } }),
  }
}
