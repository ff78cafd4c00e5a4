import { AppError } from '../../../shared/errors/index.ts'
import type { PostgresSession } from './session.ts'

/** How much a dump may hold back, each 0 for any amount (P6). */
export interface BurdenLimits {
  /** Transactions since the oldest snapshot of ours: what vacuum cannot clean up behind. */
  readonly xminAge: number
  /** How long a replica may have received what it has not replayed, ms. */
  readonly replayLag: number
  /** How much of its log a replica may have received and not replayed, bytes. */
  readonly replayBacklog: number
}

/**
 * When nobody says otherwise. Half a billion transactions are more than twice `autovacuum_freeze_max_age` and a
 * quarter of the way to a server that refuses to write. How far a replica may fall behind is for the policy:
 * some are there for nothing but dumps.
 */
export const burdenDefaults: BurdenLimits = { xminAge: 500_000_000, replayLag: 0, replayBacklog: 0 }

/** What the dump's sessions hold back at one moment. */
export interface Burden {
  readonly xminAge: number
  /** Absent on a primary, and on a replica that gets no stream; positions in the log, bytes. */
  readonly replay?: { readonly received: number; readonly replayed: number }
}

/**
 * How long a replica has had what it does not replay: since it first had anything beyond what is replayed now.
 * By our own monotonic clock, so that neither an idle primary nor a wrong server clock looks like a lag.
 */
export class ReplayLag {
  /** Positions not yet replayed, with the moment each was first seen received; oldest first. */
  readonly #waiting: { readonly position: number; readonly since: number }[] = []

  /** @returns ms; `now` is monotonic, ms */
  at({ received, replayed }: NonNullable<Burden['replay']>, now: number): number {
    while ((this.#waiting[0]?.position ?? Number.POSITIVE_INFINITY) <= replayed) this.#waiting.shift()
    if (received > (this.#waiting.at(-1)?.position ?? replayed))
      this.#waiting.push({ position: received, since: now })
    return now - (this.#waiting[0]?.since ?? now)
  }
}

/** Why the dump has to end, if it has to. Pure. */
export function tooHeavy(
  { xminAge, replay }: Burden,
  lagMs: number,
  limits: BurdenLimits,
  database: string,
): AppError | undefined {
  const backlog = replay === undefined ? 0 : replay.received - replay.replayed
  const over = [
    {
      what: 'transactions vacuum waits for',
      held: xminAge,
      limit: limits.xminAge,
      setting: 'xmin_age_limit',
    },
    {
      what: 'seconds replay is behind',
      held: Math.round(lagMs / 1_000),
      limit: limits.replayLag / 1_000,
      setting: 'replay_lag_limit',
    },
    {
      what: 'bytes of log not replayed',
      held: backlog,
      limit: limits.replayBacklog,
      setting: 'replay_backlog_limit',
    },
  ].find(({ held, limit }) => limit > 0 && held >= limit)
  return over === undefined ? undefined : new AppError('dump.holds-back', { context: { database, ...over } })
}

/** Any role sees the snapshots of its own sessions. */
export async function readBurden(session: PostgresSession, applicationName: string): Promise<Burden> {
  const [row] = await session.query<{ age: string; received: string | null; replayed: string | null }>(
    `select (select coalesce(max(age(backend_xmin)), 0)::text from pg_stat_activity where application_name = $1) as age,
            case when pg_is_in_recovery() then (pg_last_wal_receive_lsn() - '0/0')::text end as received,
            case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0')::text end as replayed`,
    [applicationName],
  )
  const { received, replayed } = row ?? {}
  return {
    xminAge: Number(row?.age ?? 0),
    ...(typeof received === 'string' && typeof replayed === 'string'
      ? { replay: { received: Number(received), replayed: Number(replayed) } }
      : {}),
  }
}
