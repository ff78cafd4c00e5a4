import { AppError, type ErrorContext, errorCodeFrom, type Failure } from '../errors/index.ts'
import type { Field, FieldProblem, Failure as WireFailure } from './gen/holdfast/v1/common.ts'

/**
 * The wire form of an error: code, message, hint and flat context. The cause chain stays here.
 * Lists travel as repeated fields of one name.
 */
export function failureToWire(
  error: AppError | Failure,
  problems: readonly FieldProblem[] = [],
): WireFailure {
  const failure = error instanceof AppError ? error.toFailure() : error
  return {
    code: failure.code,
    message: failure.message,
    hint: failure.hint,
    context: Object.entries(failure.context).flatMap(([name, value]) => fieldsOf(name, value)),
    problems: [...problems],
  }
}

/**
 * An error as it came from a peer. Codes this program does not know become `internal`, with the peer's code
 * kept in the context; problems of a request become lines of `context.problems`.
 */
export function failureFromWire(wire: WireFailure): Failure {
  const code = errorCodeFrom(wire.code)
  const context: Record<string, string | readonly string[]> = {}
  for (const { name, value } of wire.context) {
    // a peer chooses no object keys of ours
    if (name === '' || name === '__proto__') continue
    const present = Object.hasOwn(context, name) ? context[name] : undefined
    context[name] =
      present === undefined ? value : [...(typeof present === 'string' ? [present] : present), value]
  }
  if (wire.problems.length > 0) context['problems'] = wire.problems.map(lineOf)
  if (code !== wire.code && wire.code !== '') context['peer_code'] = wire.code
  const known = new AppError(code)
  return {
    code,
    message: wire.message === '' ? known.message : wire.message,
    hint: wire.hint === '' ? known.traits.hint : wire.hint,
    context,
  }
}

function fieldsOf(name: string, value: ErrorContext[string]): Field[] {
  return Array.isArray(value)
    ? value.map(each => ({ name, value: String(each) }))
    : [{ name, value: String(value) }]
}

function lineOf({ field, problem, expected }: FieldProblem): string {
  return `${field}: ${problem}${expected === '' ? '' : `, expected ${expected}`}`
}
