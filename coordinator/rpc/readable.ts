import type { ServiceDefinition } from '@grpc/grpc-js'

/** Stands in the place of a message that is none of the contract. */
export class Unreadable {}

const sizes = new WeakMap<object, number>()

/** Bytes a message had on the wire; 0 when that is not known. */
export function sizeOf(message: unknown): number {
  return typeof message === 'object' && message !== null ? (sizes.get(message) ?? 0) : 0
}

/**
 * The same service; a message that cannot be read arrives as `Unreadable` instead of ending its call as a defect of
 * ours (grpc-js answers INTERNAL to what the decoder throws), and messages know their size.
 */
export function readable(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [
      name,
      {
        ...method,
        requestDeserialize: (bytes: Buffer): unknown => {
          try {
            const message: unknown = method.requestDeserialize(bytes)
            if (typeof message === 'object' && message !== null) sizes.set(message, bytes.length)
            return message
          } catch {
            return new Unreadable()
          }
        },
      },
    ]),
  )
}
