import type { Command, JoinedStage } from '../process/index.ts'

/** The stage and its taps, started through `nice`, `ionice` and the like. */
export function through(stage: JoinedStage, programs: readonly string[] = []): JoinedStage {
  if (programs.length === 0) return stage
  const changed = (command: Command): Command => ({ ...command, through: programs })
  const { tap } = stage
  return {
    ...stage,
    command: changed(stage.command),
    ...(tap === undefined ? {} : { tap: 'program' in tap ? changed(tap) : tap.map(changed) }),
  }
}
