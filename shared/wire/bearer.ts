/** Metadata key under which an operator's token travels. */
export const tokenMetadataKey = 'authorization'

/** A token as it travels. */
export function bearer(secret: string): string {
  return `Bearer ${secret}`
}

/** The secret of a header as it came; undefined when it is none. */
export function bearerOf(header: string): string | undefined {
  return /^Bearer ([A-Za-z0-9_-]{20,200})$/.exec(header)?.[1]
}
