import type { JobId } from '../../shared/model/identifiers.ts'
import type { Now } from '../../shared/time/index.ts'
import type { WriteTx } from '../store/port.ts'

const most = 20

/** Writes down what went well and should be looked at all the same: `job explain` prints it. */
export async function noteWarnings(
  tx: WriteTx,
  jobId: JobId,
  warnings: readonly string[],
  now: Now,
): Promise<void> {
  if (warnings.length === 0) return
  await tx.decisions.append(
    warnings.slice(0, most).map(text => ({
      jobId,
      at: now.wall,
      kind: 'warning',
      subject: '',
      code: 'warning',
      text,
      numbers: {},
    })),
  )
}
