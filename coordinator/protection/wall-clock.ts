import type { Duration, Millis, Now } from '../../shared/time/index.ts'

/** What is remembered of our wall clock between two looks. */
export interface WallWatch {
  /** Wall minus monotonic time when it was last trusted. */
  readonly base: Millis
  /** When a jump was first seen, monotonic. */
  readonly jumpedAt?: Millis
}

/**
 * What our wall clock is worth now: `steady`; `asking`, right after a jump, until others have told the time; or
 * `doubted`, when most who tell the time say that it is ours that is wrong.
 */
export type WallJudgement = 'steady' | 'asking' | 'doubted'

/** A jump of less breaks no promise that the next look would not have broken; clocks are set right by so much. */
const jump: Duration = 5 * 60_000

/**
 * Judges a wall clock by the monotonic one and by those of agents. A clock that jumped is not believed at once: by
 * a year ahead every promise would be broken, every backup due and every record old, all in one look. A jump that
 * agents agree with set the clock right and is taken over, as is one that nobody can say anything about.
 *
 * @param offsets ours minus an agent's, by its last heartbeats, for each that is heard of; asked for after a jump only
 * @param patience how long after a jump those are waited for
 */
export function judgeWall(
  watch: WallWatch,
  now: Now,
  offsets: () => readonly Duration[],
  patience: Duration,
): { readonly watch: WallWatch; readonly judgement: WallJudgement; readonly drift: Duration } {
  const drift = now.wall - now.mono - watch.base
  if (Math.abs(drift) < jump) return { watch: { base: now.wall - now.mono }, judgement: 'steady', drift: 0 }
  const { jumpedAt = now.mono } = watch
  if (now.mono - jumpedAt < patience)
    return { watch: { base: watch.base, jumpedAt }, judgement: 'asking', drift }
  // whoever sees us off by what we jumped says that the jump was wrong
  const told = offsets()
  const against = told.filter(offset => Math.abs(offset - drift) < Math.abs(drift) / 2).length
  return against * 2 > told.length
    ? { watch: { base: watch.base, jumpedAt }, judgement: 'doubted', drift }
    : { watch: { base: now.wall - now.mono }, judgement: 'steady', drift: 0 }
}
