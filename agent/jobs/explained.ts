import { AppError } from '../../shared/errors/index.ts'

/**
 * What a failed stage's last words mean, when the engine knows. Then the words themselves go no further, neither
 * in the failure nor in the cause that is logged: a MySQL client repeats the statement that failed, somebody's rows.
 *
 * @param presentable what of words that nobody knows may be passed on; without it all of them
 */
export function explained(
  thrown: unknown,
  diagnose: (tail: string) => AppError | undefined,
  presentable: (tail: string) => string = tail => tail,
): AppError {
  const error = AppError.from(thrown)
  const { stderr, ...context } = error.context
  if (typeof stderr !== 'string') return error
  const meaning = error.code === 'stage.failed' ? diagnose(stderr) : undefined
  if (meaning === undefined) {
    const words = presentable(stderr)
    if (words === stderr) return error
    return new AppError(error.code, {
      message: error.message,
      hint: error.traits.hint,
      context: { ...context, stderr: words },
    })
  }
  return new AppError(meaning.code, {
    message: meaning.message,
    hint: meaning.traits.hint,
    context: { ...context, ...meaning.context },
    cause: new AppError(error.code, { message: error.message, context }),
  })
}
