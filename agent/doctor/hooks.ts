import { distrust } from '../hooks/distrust.ts'
import type { HookBook } from '../hooks/hook.ts'
import type { DoctorFinding } from './finding.ts'

/** Whether each hook would be run: its program is there, and nobody else can change it. Runs none. */
export function checkHooksOfHost(hooks: HookBook): readonly DoctorFinding[] {
  return [...hooks].map(([name, { program }]): DoctorFinding => {
    const problem = distrust(program, { runs: true })
    return {
      area: 'hooks',
      subject: `hook ${name}`,
      level: problem === undefined ? 'ok' : 'problem',
      detail: problem === undefined ? program : `would not be run: ${problem}`,
    }
  })
}
