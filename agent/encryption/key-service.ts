/** What a wrapped key is bound to: it opens for the same words only. Not secret, and logged by the service. */
export type KeyContext = Readonly<Record<string, string>>

/** A service that wraps keys with one of its own that never leaves it. */
export interface KeyService {
  /**
   * @param key ARN, id or alias
   * @throws AppError `kms.*`, or the signal's cause
   */
  wrap(
    key: string,
    secret: Uint8Array,
    context: KeyContext,
    signal: AbortSignal,
  ): Promise<{ readonly wrapped: Uint8Array; readonly keyArn: string }>
  /** @throws AppError `kms.*`, or the signal's cause */
  unwrap(keyArn: string, wrapped: Uint8Array, context: KeyContext, signal: AbortSignal): Promise<Uint8Array>
}

/** What a backup's wrapped key is bound to, from what its manifest says of it (facts-databases §15). */
export function keyContext(backup: {
  readonly cluster: string
  /** Absent for what belongs to the whole cluster. */
  readonly database?: string | undefined
  readonly attempt: string
}): KeyContext {
  return { cluster: backup.cluster, database: backup.database ?? '(globals)', attempt: backup.attempt }
}
