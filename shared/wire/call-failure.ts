import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js'
import { AppError, type ErrorCode } from '../errors/index.ts'
import { failureFromWire, failureToWire } from './failure.ts'
import { type FieldProblem, Failure as WireFailure } from './gen/holdfast/v1/common.ts'

/** Metadata key under which a failed call carries its `Failure`, encoded. */
export const errorMetadataKey = 'holdfast-error-bin'

/** HTTP/2 headers are small: no single value of a call's error detail is longer, and all are not longer than that. */
const longestValue = 1_024
const longestDetail = 6_144

/** What a failed call ends with: gRPC status by the registry, the message, the whole failure as metadata. */
export function appErrorToStatus(
  error: AppError,
  problems: readonly FieldProblem[] = [],
): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  const metadata = new Metadata()
  metadata.set(
    errorMetadataKey,
    Buffer.from(WireFailure.encode(fitted(failureToWire(error, problems))).finish()),
  )
  // grpc-js throws, outside of every promise, at a text that was cut inside a character
  const details = error.message.slice(0, longestValue).toWellFormed()
  return { code: status[error.traits.grpc], details, metadata }
}

/**
 * The error a call of ours ended with. What Holdfast itself answered comes back as it was; what the
 * transport or a proxy answered is told by its status.
 */
export function appErrorFromServiceError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  if (!isServiceError(thrown)) return AppError.from(thrown)
  const detail = thrown.metadata?.get(errorMetadataKey)[0]
  if (Buffer.isBuffer(detail)) {
    try {
      return AppError.fromFailure(failureFromWire(WireFailure.decode(detail)))
    } catch {
      // not ours after all: judged by its status below
    }
  }
  return new AppError(codeOfStatus(thrown.code), {
    context: { detail: thrown.details, grpc_status: status[thrown.code] ?? String(thrown.code) },
    cause: thrown,
  })
}

function codeOfStatus(code: status): ErrorCode {
  switch (code) {
    case status.UNAVAILABLE:
      return 'coordinator.unreachable'
    case status.DEADLINE_EXCEEDED:
      return 'coordinator.deadline'
    case status.UNIMPLEMENTED:
      return 'coordinator.older'
    case status.UNAUTHENTICATED:
      return 'access.unauthenticated'
    case status.PERMISSION_DENIED:
      return 'access.denied'
    case status.NOT_FOUND:
      return 'not-found'
    case status.INVALID_ARGUMENT:
      return 'request.invalid'
    case status.RESOURCE_EXHAUSTED:
      return 'link.too-large'
    case status.CANCELLED:
      return 'interrupted'
    default:
      return 'internal'
  }
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return (
    thrown instanceof Error &&
    typeof (thrown as Partial<ServiceError>).code === 'number' &&
    typeof (thrown as Partial<ServiceError>).details === 'string'
  )
}

/** Cut down to what headers can carry: long values first, then the tail of the lists. */
function fitted(failure: WireFailure): WireFailure {
  let left = longestDetail
  const take = (text: string): string => {
    const kept = text.slice(0, Math.min(longestValue, Math.max(0, left)))
    left -= kept.length + 8
    return kept
  }
  const fits = () => left > 0
  return {
    code: take(failure.code),
    message: take(failure.message),
    hint: take(failure.hint),
    problems: failure.problems.flatMap(each =>
      fits() ? [{ field: take(each.field), problem: take(each.problem), expected: take(each.expected) }] : [],
    ),
    context: failure.context.flatMap(each =>
      fits() ? [{ name: take(each.name), value: take(each.value) }] : [],
    ),
  }
}
