export { AppError, type ErrorContext, type Failure } from './app-error.ts'
export {
  type ErrorCode,
  type ErrorTraits,
  errorCodeFrom,
  errorCodes,
  type GrpcStatus,
  type RetryClass,
  traitsOf,
} from './codes.ts'
export { printFailure } from './print.ts'
