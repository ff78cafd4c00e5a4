import type { ObjectStoreCapabilities } from '../../shared/object-store/port.ts'

const mebibyte = 1024 * 1024
const smallest = 8 * mebibyte
const largest = 64 * mebibyte
/** Used when nothing is known of a stream's size. */
const unknown = 16 * mebibyte
/** Room for a prediction that was too small, before rolling to a further object. */
const safety = 1.5

/**
 * One part size for all objects of a stream, bytes: from the prediction so that one object suffices, whole
 * MiB between 8 and 64, within what the store takes and what the budget can ever grant twice. Never grows
 * within a stream: some stores want equal parts (facts-databases §13).
 *
 * @param predictedBytes raw bytes expected, 0 for unknown
 * @param budgetBytes the whole budget
 */
export function partSizeFor(
  predictedBytes: number,
  capabilities: ObjectStoreCapabilities,
  budgetBytes: number,
): number {
  const wanted =
    predictedBytes <= 0
      ? unknown
      : Math.ceil((predictedBytes * safety) / capabilities.maxParts / mebibyte) * mebibyte
  const clamped = Math.min(Math.max(wanted, smallest), largest, capabilities.maxPartSize)
  const affordable = Math.floor(budgetBytes / 2 / mebibyte) * mebibyte
  return Math.max(Math.min(clamped, affordable), capabilities.minPartSize, 1)
}
