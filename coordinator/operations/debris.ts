import type { WriteTx } from '../store/port.ts'
import type { DebrisRecord } from '../store/records.ts'

/** Debris was removed in one destination: the next one's turn, or its end. */
export async function settleDebris(tx: WriteTx, debris: DebrisRecord): Promise<void> {
  const [destination, ...further] = debris.further ?? []
  if (destination === undefined) return tx.debris.remove(debris.attemptId)
  const { deleteJobId: _, further: __, ...rest } = debris
  await tx.debris.put({ ...rest, destination, keys: [], ...(further.length === 0 ? {} : { further }) })
}
