import type { LiveSettings } from '../live-settings.ts'
import type { PoliciesInForce } from './policies-in-force.ts'
import type { Settings } from './settings.ts'

/** The settings a term goes by now: the configuration's, and in place of some those beside the policies in force. */
export class SettingsInForce {
  readonly #configured: Settings
  readonly #policies: PoliciesInForce
  readonly #withLive: (live: LiveSettings) => Settings
  #of: LiveSettings | undefined
  #now: Settings

  constructor(configured: Settings, policies: PoliciesInForce, withLive: (live: LiveSettings) => Settings) {
    this.#configured = configured
    this.#policies = policies
    this.#withLive = withLive
    this.#now = configured
  }

  get now(): Settings {
    const { live } = this.#policies.now
    if (live !== this.#of) {
      this.#now = live === undefined ? this.#configured : this.#withLive(live)
      this.#of = live
    }
    return this.#now
  }
}
