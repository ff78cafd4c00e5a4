import { type Duration, formatDuration } from '../../shared/time/index.ts'
import { judgeWall, type WallJudgement, type WallWatch } from '../protection/wall-clock.ts'
import type { Term } from './term.ts'

/** Heartbeats until agents have told of a jump: their offsets are judged by three, and one may be on its way. */
const beatsOfPatience = 5

/** Watches our own wall clock through a term: what goes by it stands still while it is not to be believed. */
export class ClockWatch {
  readonly #term: Term
  #watch: WallWatch
  #judgement: WallJudgement = 'steady'
  #drift: Duration = 0

  constructor(term: Term) {
    this.#term = term
    const { wall, mono } = term.clock.now()
    this.#watch = { base: wall - mono }
  }

  /** By how much the wall clock is wrong, as most agents say, by the last look; undefined: nobody says so. */
  get wrongBy(): Duration | undefined {
    return this.#judgement === 'doubted' ? this.#drift : undefined
  }

  /** Whether the wall clock may be wrong by a jump. Leases and silence never ask: they go by the monotonic one. */
  doubts(): boolean {
    const { live, clock, settings, log } = this.#term
    const offsets = () =>
      live
        .ids()
        .filter(id => live.isConnected(id))
        .flatMap(id => live.clockOffset(id) ?? [])
    const judged = judgeWall(this.#watch, clock.now(), offsets, beatsOfPatience * settings.times.heartbeat)
    this.#watch = judged.watch
    this.#drift = judged.drift
    if (judged.judgement !== this.#judgement) {
      const jumped = formatDuration(Math.abs(judged.drift))
      if (judged.judgement === 'asking')
        log.warn('the clock of this host jumped; promises, schedules and clean-up wait for what agents say', {
          by: jumped,
          ahead: judged.drift > 0,
        })
      else if (judged.judgement === 'doubted')
        log.error(
          'the clock of this host is wrong, as most agents say; nothing new is due or broken until it is right',
          { by: jumped, ahead: judged.drift > 0 },
        )
      else log.info('the clock of this host is believed again')
      this.#judgement = judged.judgement
    }
    return judged.judgement !== 'steady'
  }
}
