/** Whether the whole of each matrix is run: `npm run faults`. */
const whole = process.env['HOLDFAST_FAULTS'] === 'whole'

/**
 * Rows of a matrix of faults: all of them in `npm run faults`; in `npm test` the fixed share that shows the kind of fault in a
 * whole fleet, where every row is held by a test of its own below it, which `heldBy` names.
 */
export function rows<const T>(
  matrix: readonly T[],
  share: { readonly inTests: readonly T[]; readonly heldBy: string },
): readonly T[] {
  const kept = matrix.filter(row => share.inTests.includes(row))
  if (kept.length === 0 || kept.length !== share.inTests.length)
    throw new Error(`a share must be rows of its matrix (held by ${share.heldBy})`)
  return whole ? matrix : kept
}
