import { z } from 'zod'
import { type AppError, errorCodeFrom, type Failure } from '../../shared/errors/index.ts'
import { hookMoments, hookOutcomes } from '../../shared/model/hook.ts'
import type { Manifest } from '../../shared/model/manifest.ts'
import { failureToWire } from '../../shared/wire/failure.ts'
import type { Result } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'

import { keyUseSchema } from './key-use.ts'

/** A failure as journal and spool keep it. */
export const failureSchema = z.object({
  code: z.string().transform(errorCodeFrom),
  message: z.string(),
  hint: z.string(),
  context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
})

/** What a restore into a throw-away server showed of a backup. */
export const verifyReportSchema = z.object({
  verdict: z.enum(['verified', 'restored', 'differs', 'unrestorable']),
  /** From the first byte asked for to the last index built; the measured RTO of a backup that could be restored. */
  restore_ms: z.int().nonnegative(),
  total_ms: z.int().nonnegative(),
  server_version: z.string(),
  tables: z.int().nonnegative(),
  rows: z.int().nonnegative(),
  raw_bytes: z.int().nonnegative(),
  /** The first of them. */
  differences: z.array(z.string()).max(20),
  difference_count: z.int().nonnegative(),
  failure: failureSchema.optional(),
})

/** The end of an attempt as the spool keeps it. */
export const attemptResultSchema = z.object({
  version: z.literal(1),
  result_id: z.string().min(1),
  attempt: z.object({ job_id: z.string(), attempt_id: z.string().min(1), epoch: z.int().nonnegative() }),
  kind: z.enum(['backup', 'restore', 'delete', 'copy', 'verify']),
  outcome: z.enum(['succeeded', 'failed', 'cancelled']),
  failure: failureSchema.optional(),
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
  /** What each destination got, where there are several. `destination` and `debris` speak of one of them. */
  copies: z
    .array(
      z.object({
        destination: z.string(),
        /** `present` once the manifest was read back there. */
        state: z.enum(['present', 'missing']),
        failure: failureSchema.optional(),
        verified_at: z.int().optional(),
        debris: z.array(z.string()),
      }),
    )
    .optional(),
  /** What went well and should be looked at all the same. */
  warnings: z.array(z.string()).optional(),
  /** Hooks of this host that ran around it, in order. */
  hooks: z
    .array(
      z.object({
        name: z.string(),
        moment: z.enum(hookMoments),
        outcome: z.enum(hookOutcomes),
        status: z.int().optional(),
        duration_ms: z.int().nonnegative(),
        detail: z.string(),
      }),
    )
    .optional(),
  /** Keys that opened a backup. */
  keys_used: z.array(keyUseSchema).optional(),
  /** Of a verification that came to a judgement. */
  verify: verifyReportSchema.optional(),
  peak_rss_bytes: z.int().nonnegative(),
  /** Also of an attempt that failed. */
  observed: z
    .object({
      retries: z.int().nonnegative(),
      agent_peak_rss_bytes: z.int().nonnegative(),
      children_peak_rss_bytes: z.int().nonnegative(),
      yielded_ms: z.int().nonnegative().optional(),
    })
    .optional(),
})

/** The end of an attempt: what is spooled, sent until acknowledged, and printed by standalone commands. */
export type AttemptResult = z.infer<typeof attemptResultSchema>

export type AttemptKind = AttemptResult['kind']

/** What one hook did. */
export type HookResult = NonNullable<AttemptResult['hooks']>[number]

/** What a verification came to. */
export type VerifyReport = z.infer<typeof verifyReportSchema>

/** What one destination got. */
export type CopyResult = NonNullable<AttemptResult['copies']>[number]

const wireKinds: Readonly<Record<AttemptKind, JobKind>> = {
  backup: JobKind.BACKUP,
  restore: JobKind.RESTORE,
  delete: JobKind.DELETE,
  copy: JobKind.COPY,
  verify: JobKind.VERIFY,
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
    copies: (result.copies ?? []).map(copy => ({
      destination: copy.destination,
      state: copy.state,
      failure: copy.failure === undefined ? undefined : failureToWire(copy.failure satisfies Failure),
      verifiedAt: copy.verified_at ?? 0,
      debris: copy.debris,
    })),
    warnings: result.warnings ?? [],
    hooks: (result.hooks ?? []).map(({ duration_ms: durationMs, ...run }) => ({ ...run, durationMs })),
    verify: reportToWire(result.verify),
    keysUsed: (result.keys_used ?? []).map(({ kind, key, backup_id: backupId }) => ({ kind, key, backupId })),
    observed: observedToWire(result),
  }
}

function reportToWire(report: VerifyReport | undefined): Result['verify'] {
  if (report === undefined) return undefined
  return {
    verdict: report.verdict,
    restoreMs: report.restore_ms,
    totalMs: report.total_ms,
    serverVersion: report.server_version,
    tables: report.tables,
    rows: report.rows,
    rawBytes: report.raw_bytes,
    differences: report.differences,
    differenceCount: report.difference_count,
    failure: report.failure === undefined ? undefined : failureToWire(report.failure satisfies Failure),
  }
}

/** What the manifest says, when there is one; else what was seen up to the failure. */
function observedToWire(result: AttemptResult): Result['observed'] {
  const { observed: seen } = result
  const { observed } =
    result.manifest === undefined
      ? {}
      : (JSON.parse(Buffer.from(result.manifest, 'base64').toString('utf8')) as Partial<Manifest>)
  if (seen === undefined && observed === undefined) return undefined
  return {
    strategy: observed?.strategy ?? '',
    strategyReason: observed?.strategy_reason ?? '',
    retries: observed?.retries ?? seen?.retries ?? 0,
    agentPeakRssBytes: Number(observed?.peak_rss_bytes.agent ?? seen?.agent_peak_rss_bytes ?? 0),
    childrenPeakRssBytes: Number(observed?.peak_rss_bytes.children ?? seen?.children_peak_rss_bytes ?? 0),
    durationMs: observed?.duration_ms ?? 0,
    yieldedMs: observed?.yielded_ms ?? seen?.yielded_ms ?? 0,
  }
}
