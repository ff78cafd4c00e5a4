import type { ChildPeaks, JoinEnd, StageResult } from '../process/index.ts'

/** Exact bytes of a stage, and its words where its stderr is mostly counts. */
export interface StageBytes {
  readonly bytesIn?: number
  readonly bytesOut?: number
  readonly said?: string
}

/** The stages as reports and manifests have them. */
export function stageResults(
  end: JoinEnd,
  bytesOf: ReadonlyMap<string, StageBytes>,
  peaks?: ChildPeaks,
): readonly StageResult[] {
  return end.stages.map(stage => {
    const peakRssBytes = peaks?.of(stage.name)
    const { bytesIn, bytesOut, said } = bytesOf.get(stage.name) ?? {}
    return {
      name: stage.name,
      command: stage.command,
      termination: stage.termination,
      ...(bytesIn === undefined ? {} : { bytesIn }),
      ...(bytesOut === undefined ? {} : { bytesOut }),
      durationMs: stage.durationMs,
      ...(peakRssBytes === undefined ? {} : { peakRssBytes }),
      stderrTail: said ?? stage.stderr.text,
    }
  })
}
