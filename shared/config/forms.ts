import { z } from 'zod'

/** What is known of a kind of value beyond its type. */
export interface ValueForm {
  /** Completes "expected …". */
  readonly expected: string
  /** How `config show` writes it. */
  readonly show?: 'duration' | 'bytes'
}

/** The forms of the schemas made in this room; looked up when a problem is told and when values are shown. */
export const forms: z.core.$ZodRegistry<ValueForm> = z.registry<ValueForm>()
