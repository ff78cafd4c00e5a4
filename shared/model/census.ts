import { z } from 'zod'

const count = z.string().regex(/^\d{1,19}$/)

/** What a relation held when it was counted. Names as the server has them, never quoted. */
export const censusTableSchema = z.object({
  /** Absent where the engine has none (MySQL, MariaDB). */
  schema: z.string().optional(),
  name: z.string(),
  /**
   * Rows, with those of all its partitions: rows may land in other leaves when they are restored, so leaves are not
   * counted by themselves.
   */
  rows: count,
})

/** A sequence stands outside of transactions: restored it is at least here. */
export const censusSequenceSchema = z.object({
  schema: z.string().optional(),
  name: z.string(),
  last: z.string().regex(/^-?\d{1,19}$/),
  /** It counts down: restored it is at most there. */
  descending: z.boolean().optional(),
})

/**
 * What a database held in the dump's own snapshot (P5): an object of its own beside the streams, append-only like
 * them. A restore is compared with it.
 */
export const censusSchema = z.object({
  format: z.literal('holdfast.census'),
  version: z.literal(1),
  attempt_id: z.string(),
  database: z.string(),
  tables: z.array(censusTableSchema),
  sequences: z.array(censusSequenceSchema).default([]),
  /** Kinds of object → how many there are: views, functions, triggers, indexes, constraints, large objects. */
  objects: z.record(z.string(), z.int().nonnegative()).default({}),
  /** What could not be counted, and why: it is not compared. */
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })).default([]),
})

export type Census = z.infer<typeof censusSchema>
export type CensusTable = z.infer<typeof censusTableSchema>
/** What an engine counts; the rest of a census is who asked. */
export type CensusCounts = Pick<Census, 'tables' | 'sequences' | 'objects' | 'skipped'>
