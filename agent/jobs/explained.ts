import { AppError } from '../../shared/errors/index.ts'

/**
 * What a failed stage's last words mean, when the engine knows. Then the words themselves go no further, neither
 * in the failure nor in the cause that is logged: a MySQL client repeats the statement that failed, somebody's rows.
 */
export function explained(thrown: unknown, diagnose: (tail: string) => AppError | undefined): AppError {
  const error = AppError.from(thrown)
  const { stderr, ...context } = error.context
  if (error.code !== 'stage.failed' || typeof stderr !== 'string') return error
  const meaning = diagnose(stderr)
  if (meaning === undefined) return error
  return new AppError(meaning.code, {
    message: meaning.message,
    hint: meaning.traits.hint,
    context: { ...context, ...meaning.context },
    cause: new AppError(error.code, { message: error.message, context }),
  })
}
