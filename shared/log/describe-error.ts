import { AppError } from '../errors/index.ts'
import { redact, redactText } from './redact.ts'

const longestChain = 8

/** What is logged of something thrown: code, message, context, stack, and the whole cause chain; redacted. */
export function describeError(thrown: unknown, depth = 0): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: redactText(String(thrown)) }
  const described: Record<string, unknown> = { type: thrown.name, message: redactText(thrown.message) }
  if (thrown instanceof AppError) {
    described.code = thrown.code
    if (Object.keys(thrown.context).length > 0) described.context = redact(thrown.context)
  } else if ('code' in thrown) described.code = thrown.code
  if (depth === 0 && !(thrown instanceof AppError) && thrown.stack !== undefined)
    described.stack = redactText(thrown.stack)
  if (depth < longestChain) {
    if (thrown.cause !== undefined) described.cause = describeError(thrown.cause, depth + 1)
    if (thrown instanceof AggregateError)
      described.errors = thrown.errors.map(error => describeError(error, depth + 1))
  }
  return described
}
