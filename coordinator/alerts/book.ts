import type { Millis } from '../../shared/time/index.ts'
import type { AlertRecord, SilenceRecord } from '../store/records.ts'

/**
 * The open alerts and the silences as last committed: loaded when a term begins, kept by every commit after. The
 * review reads it, so that no look scans the store.
 */
export class AlertBook {
  readonly #alerts = new Map<string, AlertRecord>()
  readonly #silences = new Map<string, SilenceRecord>()

  /** Fills it; every alert is looked at once, since channels and routes may be others than before. */
  load(alerts: readonly AlertRecord[], silences: readonly SilenceRecord[], now: Millis): void {
    for (const alert of alerts)
      this.#alerts.set(alert.dedupKey, alert.parentKey === undefined ? { ...alert, lookAt: now } : alert)
    for (const silence of silences) this.#silences.set(silence.id, silence)
  }

  set(alert: AlertRecord): void {
    if (alert.state === 'open') this.#alerts.set(alert.dedupKey, alert)
    else if (this.#alerts.get(alert.dedupKey)?.id === alert.id) this.#alerts.delete(alert.dedupKey)
  }

  get(dedupKey: string): AlertRecord | undefined {
    return this.#alerts.get(dedupKey)
  }

  all(): Iterable<AlertRecord> {
    return this.#alerts.values()
  }

  /** Alerts that this one explains. */
  membersOf(dedupKey: string): readonly AlertRecord[] {
    return [...this.#alerts.values()].filter(each => each.parentKey === dedupKey)
  }

  /** A silence began, changed or ended: what waits for it is looked at anew. */
  setSilence(silence: SilenceRecord, now: Millis): void {
    this.#silences.set(silence.id, silence)
    for (const [key, alert] of this.#alerts)
      if (alert.parentKey === undefined) this.#alerts.set(key, { ...alert, lookAt: now })
  }

  /** Silences that hold at `now`; those that ended are forgotten. */
  silences(now: Millis): readonly SilenceRecord[] {
    for (const [id, { endsAt }] of this.#silences) if (endsAt <= now) this.#silences.delete(id)
    return [...this.#silences.values()]
  }
}
