import type { ToolFinder } from '../engines/port.ts'

/** How children stand back behind everything else on their host. */
export interface ChildPriority {
  /** 0 to 19: the higher, the less CPU where others want it. */
  readonly nice?: number
  readonly ioniceClass?: 'best-effort' | 'idle'
}

const classNumbers = { 'best-effort': '2', idle: '3' } as const

/**
 * What children are started through: `nice` and `ionice` with their arguments, each becoming the next one, so
 * that pid, process group and death signal stay what they are. Empty when nothing is asked.
 *
 * @throws AppError `tool.missing`
 */
export async function startedThrough(
  tools: ToolFinder,
  { nice, ioniceClass }: ChildPriority,
): Promise<readonly string[]> {
  return [
    ...(nice === undefined || nice === 0
      ? []
      : [(await tools.find(['nice'], [], 'path')).path, '-n', String(nice)]),
    ...(ioniceClass === undefined
      ? []
      : [(await tools.find(['ionice'], [], 'path')).path, '-c', classNumbers[ioniceClass]]),
  ]
}
