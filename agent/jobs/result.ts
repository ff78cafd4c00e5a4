import { z } from 'zod'
import { type AppError, errorCodeFrom, type Failure } from '../../shared/errors/index.ts'
import { failureToWire } from '../../shared/wire/failure.ts'
import type { Result } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'

const failure = z.object({
  code: z.string().transform(errorCodeFrom),
  message: z.string(),
  hint: z.string(),
  context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
})

/** The end of an attempt as the spool keeps it. */
export const attemptResultSchema = z.object({
  version: z.literal(1),
  result_id: z.string().min(1),
  attempt: z.object({ job_id: z.string(), attempt_id: z.string().min(1), epoch: z.int().nonnegative() }),
  kind: z.enum(['backup', 'restore', 'delete']),
  outcome: z.enum(['succeeded', 'failed', 'cancelled']),
  failure: failure.optional(),
  /** The manifest's bytes as read back from the destination, base64 (J5). */
  manifest: z.base64().optional(),
  manifest_key: z.string().optional(),
  destination: z.string(),
  attempt_prefix: z.string(),
  started_at: z.int(),
  ended_at: z.int(),
  raw_bytes: z.int().nonnegative(),
  stored_bytes: z.int().nonnegative(),
  /** Finished objects nobody needs; the coordinator owns them from now on. */
  debris: z.array(z.string()),
  peak_rss_bytes: z.int().nonnegative(),
})

/** The end of an attempt: what is spooled, sent until acknowledged, and printed by standalone commands. */
export type AttemptResult = z.infer<typeof attemptResultSchema>

export type AttemptKind = AttemptResult['kind']

const wireKinds: Readonly<Record<AttemptKind, JobKind>> = {
  backup: JobKind.BACKUP,
  restore: JobKind.RESTORE,
  delete: JobKind.DELETE,
}

/** The failure in the shape a result keeps. */
export function failureOf(error: AppError): NonNullable<AttemptResult['failure']> {
  const { context, ...rest } = error.toFailure()
  return {
    ...rest,
    context: Object.fromEntries(
      Object.entries(context).map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]),
    ),
  }
}

/** The result as a frame of the link. */
export function resultToWire(result: AttemptResult): Result {
  return {
    resultId: result.result_id,
    attempt: {
      jobId: result.attempt.job_id,
      attemptId: result.attempt.attempt_id,
      epoch: result.attempt.epoch,
    },
    kind: wireKinds[result.kind],
    outcome: result.outcome,
    failure: result.failure === undefined ? undefined : failureToWire(result.failure satisfies Failure),
    manifest: Buffer.from(result.manifest ?? '', 'base64'),
    manifestKey: result.manifest_key ?? '',
    destination: result.destination,
    startedAt: result.started_at,
    endedAt: result.ended_at,
    rawBytes: result.raw_bytes,
    storedBytes: result.stored_bytes,
    debris: result.debris,
    attemptPrefix: result.attempt_prefix,
    peakRssBytes: result.peak_rss_bytes,
    copies: [],
    warnings: [],
    observed: undefined,
  }
}
