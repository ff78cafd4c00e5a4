import { setTimeout as passing } from 'node:timers/promises'
import { AppError } from '../../../shared/errors/index.ts'
import type { InstanceTarget } from '../port.ts'
import { type BurdenLimits, ReplayLag, readBurden, tooHeavy } from './burden.ts'
import { type FrozenLimits, frozenLimits, openReaper } from './reaper.ts'
import { openSession, type PostgresSession } from './session.ts'

/** How often the guard looks, ms. */
const everyMs = 1_000
/** How often it asks the holder something; well below the holder's idle limit. */
const pingEveryMs = 10_000
/** Others who wait for us for so long end the dump, when nobody says otherwise (P6). */
export const blockingLimitDefault = 30_000
/** How long the guard's last look may take once it is to stop, ms. */
const stopMs = 2_000
/** Waiting sessions that are named in the error. */
const named = 5

/** A session of somebody's that waits for one of ours. */
export interface Waiter {
  readonly pid: number
  /** `AccessExclusiveLock on app.customer`. */
  readonly wants: string
}

/** Who has waited for us, and since when. Pure: `now` is monotonic, ms. */
export class Patience {
  readonly #limitMs: number
  readonly #since = new Map<number, number>()

  /** @param limitMs 0 for any length of time */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** Those whose wait has reached the limit, with its length. A session that got its lock begins anew. */
  outOf(waiters: readonly Waiter[], now: number): readonly (Waiter & { readonly waitedMs: number })[] {
    const pids = new Set(waiters.map(({ pid }) => pid))
    for (const pid of this.#since.keys()) if (!pids.has(pid)) this.#since.delete(pid)
    const waiting = waiters.map(waiter => {
      const since = this.#since.get(waiter.pid) ?? now
      this.#since.set(waiter.pid, since)
      return { ...waiter, waitedMs: now - since }
    })
    return this.#limitMs === 0 ? [] : waiting.filter(({ waitedMs }) => waitedMs >= this.#limitMs)
  }
}

/** What a guard is opened with. */
export interface GuardOptions {
  readonly database: string
  /** Of the sessions it watches (`openSession`, PGAPPNAME). */
  readonly purpose: string
  /** Of the server. */
  readonly major: number
  readonly limitMs: number
  readonly burden: BurdenLimits
  readonly signal: AbortSignal
  /** Asks the holder something; absent without one. */
  readonly ping?: () => Promise<void>
  /** When a guard that asks nothing counts as frozen; for tests. */
  readonly frozen?: FrozenLimits
  /** Told once why the dump has to end. */
  readonly onBroken: (error: AppError) => void
}

/** Watches a dump until it is stopped. */
export interface Guard {
  stop(): Promise<void>
}

/**
 * First, do no harm (P6): a session of its own looks every second whom the dump's sessions block, and what they
 * hold back. When one has waited for as long as the policy allows, or more is held back than it allows, our
 * sessions are ended by the server at once and the dump with them: production comes first. While the guard itself
 * cannot see, for as long as the first limit, it ends the dump too.
 */
export async function openGuard(target: InstanceTarget, options: GuardOptions): Promise<Guard> {
  const stop = new AbortController()
  const leave = new AbortController()
  const signal = AbortSignal.any([options.signal, leave.signal])
  const { database, major } = options
  const purpose = `guard of ${options.purpose}`
  const idle = { idle_session_timeout: options.frozen?.idleMs ?? frozenLimits.idleMs }
  const settings = major >= 14 ? idle : {}
  const open = () => openSession(target, database, { purpose, signal, statementTimeoutMs: 10_000, settings })
  const first = await open()
  const names = { guard: applicationName(purpose), dump: applicationName(options.purpose) }
  const reaper = await openReaper(target, {
    ...{ database, major, ...names, signal },
    goneSeconds: options.frozen?.goneSeconds ?? frozenLimits.goneSeconds,
  })
  const watching = watch(first, open, options, AbortSignal.any([options.signal, stop.signal]))
  return {
    stop: async () => {
      stop.abort()
      // a look that is under way is waited for, but not for a server that does not answer
      const timer = setTimeout(() => leave.abort(), stopMs)
      await watching
      clearTimeout(timer)
      await reaper.close()
    },
  }
}

async function watch(
  first: PostgresSession,
  reopen: () => Promise<PostgresSession>,
  options: GuardOptions,
  signal: AbortSignal,
): Promise<void> {
  let session: PostgresSession | undefined = first
  const patience = new Patience(options.limitMs)
  const lag = new ReplayLag()
  let sawAt = performance.now()
  let pingedAt = sawAt
  try {
    while (await passed(everyMs, signal)) {
      try {
        if (performance.now() - pingedAt >= pingEveryMs) {
          pingedAt = performance.now()
          // not waited for: a holder that is lost tells so itself, and the guard must go on looking
          void options.ping?.().catch(() => {})
        }
        session ??= await reopen()
        const harm =
          (await findBlocked(session, patience, options)) ?? (await findHeldBack(session, lag, options))
        sawAt = performance.now()
        if (harm === undefined) continue
        options.onBroken(harm)
        await endOurs(session, options.purpose)
        return
      } catch (thrown) {
        if (signal.aborted) return
        await session?.close()
        session = undefined
        const blindMs = performance.now() - sawAt
        if (options.limitMs > 0 && blindMs >= options.limitMs) {
          options.onBroken(AppError.from(thrown, 'database.unreachable', { database: options.database }))
          return
        }
      }
    }
  } finally {
    await session?.close()
  }
}

async function findBlocked(
  session: PostgresSession,
  patience: Patience,
  options: GuardOptions,
): Promise<AppError | undefined> {
  const tired = patience.outOf(await readWaiters(session, options.purpose), performance.now())
  return tired.length === 0 ? undefined : blockedOthers(tired, options)
}

async function findHeldBack(
  session: PostgresSession,
  lag: ReplayLag,
  { purpose, burden: limits, database }: GuardOptions,
): Promise<AppError | undefined> {
  const burden = await readBurden(session, applicationName(purpose))
  const lagMs = burden.replay === undefined ? 0 : lag.at(burden.replay, performance.now())
  return tooHeavy(burden, lagMs, limits, database)
}

async function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  await passing(ms, undefined, { signal }).catch(() => {})
  return !signal.aborted
}

/** `pg_locks` is open to every role, where `pg_stat_activity` hides what others wait for. */
async function readWaiters(session: PostgresSession, purpose: string): Promise<readonly Waiter[]> {
  return session.query<Waiter>(
    `with ours as (select coalesce(array_agg(pid), '{}') as pids from pg_stat_activity where application_name = $1),
          waiting as materialized (
            select distinct on (pid) pid, mode || ' on ' || case when relation is null then locktype
                     else coalesce((select format('%I.%I', n.nspname, c.relname) from pg_class c
                                      join pg_namespace n on n.oid = c.relnamespace where c.oid = relation), relation::text)
                   end as wants
              from pg_locks where not granted order by pid)
     select waiting.pid, waiting.wants from waiting, ours
      where waiting.pid <> all (ours.pids) and pg_blocking_pids(waiting.pid) && ours.pids
      order by waiting.pid`,
    [applicationName(purpose)],
  )
}

/** Our sessions end now, not when their children have: every role may end its own. */
async function endOurs(session: PostgresSession, purpose: string): Promise<void> {
  await session
    .query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
      applicationName(purpose),
    ])
    .catch(() => {})
}

function applicationName(purpose: string): string {
  return `holdfast ${purpose}`
}

function blockedOthers(
  tired: readonly (Waiter & { readonly waitedMs: number })[],
  { limitMs, database }: GuardOptions,
): AppError {
  return new AppError('dump.blocked-others', {
    context: {
      database,
      limit_seconds: limitMs / 1_000,
      waiting: tired
        .slice(0, named)
        .map(({ pid, wants, waitedMs }) => `pid ${pid} for ${wants} since ${Math.round(waitedMs / 1_000)} s`),
    },
  })
}
