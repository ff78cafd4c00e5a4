import { type ErrorCode, type ErrorTraits, traitsOf } from './codes.ts'

/** What an error is about: printable, free of secrets, flat. Numbers carry their unit in the key. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** The plain form of an error: what is stored, sent and shown. */
export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  readonly context: ErrorContext
}

/** The only error class of Holdfast. The cause chain is for logs and never leaves the process. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly context: ErrorContext
  readonly traits: ErrorTraits

  /**
   * @param code a code of the registry
   * @param options `message` replaces the registry's text when more can be said; `hint` likewise
   */
  constructor(
    code: ErrorCode,
    options: {
      readonly message?: string
      readonly hint?: string
      readonly context?: ErrorContext
      readonly cause?: unknown
    } = {},
  ) {
    const traits = traitsOf(code)
    super(options.message ?? traits.message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.context = options.context ?? {}
    this.traits = options.hint === undefined ? traits : { ...traits, hint: options.hint }
  }

  /** Turns whatever was thrown into an AppError; an AppError stays itself. */
  static from(thrown: unknown, fallback: ErrorCode = 'internal', context: ErrorContext = {}): AppError {
    if (thrown instanceof AppError) return thrown
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return new AppError(fallback, {
      ...(fallback === 'internal' ? { message: `unexpected: ${message}` } : {}),
      context: { ...context, detail: message },
      cause: thrown,
    })
  }

  /** The plain form, without cause. */
  toFailure(): Failure {
    return { code: this.code, message: this.message, hint: this.traits.hint, context: this.context }
  }

  /** An error made again from its plain form, as it comes from a peer, a journal or the store. */
  static fromFailure(failure: Failure): AppError {
    return new AppError(failure.code, failure)
  }
}
