/**
 * Where a secret comes from. Only this is configuration, never the secret itself: it may be printed, logged and
 * kept. A text is the path of a file.
 */
export type SecretSource =
  | string
  | { readonly file: string }
  /** A file of a mounted Kubernetes secret; see `mounted.ts` for its rule. */
  | { readonly mounted: string }
  /** A variable of this process. */
  | { readonly env: string }
  | CommandSource
  | { readonly aws_secrets_manager: AwsSecret }

/** A program that prints the secret. */
export interface CommandSource {
  /** Absolute path and arguments; no shell. */
  readonly command: readonly string[]
  /** Variables of this process that it gets, beside PATH and HOME. */
  readonly pass_env?: readonly string[] | undefined
  /** Ended after this, ms; default 10 s. */
  readonly timeout?: number | undefined
}

/** A secret of AWS Secrets Manager, asked for with the SDK's usual credentials. */
export interface AwsSecret {
  /** Name or ARN. */
  readonly id: string
  /** The field of a secret that is a JSON object, such as `password`. */
  readonly field?: string | undefined
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
}

/** The source in words, for errors and logs. */
export function describeSecret(source: SecretSource): string {
  if (typeof source === 'string') return source
  if ('file' in source) return source.file
  if ('mounted' in source) return source.mounted
  if ('env' in source) return `variable ${source.env}`
  if ('command' in source) return `command ${source.command[0] ?? ''}`
  const { id, field } = source.aws_secrets_manager
  return `AWS Secrets Manager ${id}${field === undefined ? '' : `, field ${field}`}`
}
