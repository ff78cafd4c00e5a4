import type { InstanceTarget } from '../port.ts'
import { openSession, type PostgresSession } from './session.ts'

/** When an agent counts as frozen (ADR 0102). */
export interface FrozenLimits {
  /** The server ends a guard that has asked it nothing for so long, ms. */
  readonly idleMs: number
  /** How long a guard may be gone, s: it opens itself anew when its connection was cut. */
  readonly goneSeconds: number
}

/** As they are but for tests. */
export const frozenLimits: FrozenLimits = { idleMs: 60_000, goneSeconds: 15 }

/** What a reaper is opened with. */
export interface ReaperOptions {
  readonly database: string
  readonly major: number
  /** `application_name` of the guard it looks for. */
  readonly guard: string
  /** `application_name` of the sessions it ends. */
  readonly dump: string
  readonly goneSeconds: number
  readonly signal: AbortSignal
}

/** Stands until it is closed. */
export interface Reaper {
  close(): Promise<void>
}

/**
 * The dead man's handle of a dump, on the server: a statement that runs for as long as the dump does, and ends
 * the dump's sessions once the guard is gone. A `pg_dump` that waits for a frozen agent is idle in its
 * transaction, switches the server's time-out for that off itself, and would hold its locks until somebody
 * kills it (ADR 0102). Between its looks it holds nothing itself.
 *
 * A net below the net: where it cannot be had (before PostgreSQL 14, without plpgsql, no connection to spare),
 * the dump goes on without it.
 */
export async function openReaper(target: InstanceTarget, options: ReaperOptions): Promise<Reaper> {
  // the guard's end, and ours when the agent dies, are settings of 14
  if (options.major < 14) return { close: async () => undefined }
  let session: PostgresSession | undefined
  try {
    session = await openSession(target, options.database, {
      purpose: 'reaper',
      signal: options.signal,
      statementTimeoutMs: 0,
      settings: { client_connection_check_interval: 1_000 },
    })
  } catch {
    // a server that cannot be reached says so to the guard
    return { close: async () => undefined }
  }
  const standing = session.query(watch(options)).catch(() => {})
  return {
    close: async () => {
      await session.close()
      await standing
    },
  }
}

/** Names are ours: `holdfast dump 1f2e3d4c`. */
function watch({ guard, dump, goneSeconds }: ReaperOptions): string {
  return `do $reaper$
    declare gone int := 0;
    begin
      loop
        perform pg_sleep(1);
        perform pg_stat_clear_snapshot();
        if exists (select from pg_stat_activity where application_name = '${guard}') then gone := 0;
        else gone := gone + 1; end if;
        if gone >= ${goneSeconds} then
          perform pg_terminate_backend(pid) from pg_stat_activity where application_name = '${dump}';
          exit;
        end if;
      end loop;
    end $reaper$`
}
