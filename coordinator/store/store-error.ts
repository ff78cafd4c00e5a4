import { AppError, type ErrorContext } from '../../shared/errors/index.ts'

/** SQLSTATE 23xxx and SQLite's constraint errors: the statement contradicts what is there. */
function isConstraint(thrown: DriverError): boolean {
  if (thrown.code === 'ERR_SQLITE_ERROR') return ((thrown.errcode ?? 0) & 0xff) === 19
  return /^23[0-9A-Z]{3}$/.test(thrown.code)
}

interface DriverError extends Error {
  readonly code: string
  readonly errcode?: number
}

function isDriverError(thrown: unknown): thrown is DriverError {
  if (!(thrown instanceof Error)) return false
  const code: unknown = 'code' in thrown ? thrown.code : undefined
  return code === 'ERR_SQLITE_ERROR' || (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code))
}

/**
 * What a step is rejected with: its own errors stay themselves; a broken constraint is `conflict`, any other
 * error of the driver `store.unavailable`.
 */
export function stepError(thrown: unknown, label: string): unknown {
  if (!isDriverError(thrown)) return thrown
  if (isConstraint(thrown))
    return new AppError('conflict', { context: { step: label, detail: thrown.message }, cause: thrown })
  return unavailable(thrown, { step: label })
}

/** Turns whatever went wrong with the database into `store.unavailable`; an AppError stays itself. */
export function unavailable(thrown: unknown, context: ErrorContext = {}): AppError {
  if (thrown instanceof AppError) return thrown
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new AppError('store.unavailable', { context: { ...context, detail }, cause: thrown })
}
