import { z } from 'zod'
import {
  type AlertsConfig,
  alertProblems,
  alertRulesOf,
  alertRulesSchema,
  channelNamesOf,
} from './alert-config.ts'
import type { AlertRules } from './alerts/index.ts'

/**
 * What may stand beside the policies, in place of the configuration's, and then takes effect at once: what needs no
 * restart, names no secret, and guards nothing against whoever writes policies. (`budgets` is another, of its own.)
 */
export const liveKeys = {
  slots_per_agent: z.int().min(1).max(64).optional(),
  /** Channels stay where their secrets are: in the configuration. */
  alerts: alertRulesSchema.optional(),
} as const

const liveSettings = z.strictObject(liveKeys)
export type LiveSettings = z.infer<typeof liveSettings>

/** What a document has of them; undefined where it has none. */
export function liveSettingsIn({ slots_per_agent: slots, alerts }: LiveSettings): LiveSettings | undefined {
  if (slots === undefined && alerts === undefined) return undefined
  return {
    ...(slots === undefined ? {} : { slots_per_agent: slots }),
    ...(alerts === undefined ? {} : { alerts }),
  }
}

/** What is wrong with them where the channels are these. Looks at half-valid input too. */
export function liveProblems(document: object, channels: readonly string[]) {
  const { alerts } = document as { readonly alerts?: unknown }
  if (typeof alerts !== 'object' || alerts === null) return []
  const known = Object.fromEntries(channels.map(name => [name, {}]))
  return alertProblems({ routes: (alerts as { readonly routes?: unknown }).routes, channels: known })
    .filter(({ path }) => path[0] === 'routes')
    .map(({ path, message }) => ({ path: ['alerts', ...path], text: message }))
}

/**
 * The settings with these in place of the configuration's. Routes to a channel that has left the configuration since
 * they came into force would tell nobody: then those of the configuration hold.
 *
 * @param configured the section `alerts` of the configuration
 */
export function withLive<S extends { readonly slotsPerAgent: number; readonly alerts: AlertRules }>(
  settings: S,
  configured: AlertsConfig,
  live: LiveSettings,
): S {
  const { slots_per_agent: slotsPerAgent = settings.slotsPerAgent, alerts } = live
  const told = alerts !== undefined && liveProblems(live, channelNamesOf(configured)).length === 0
  if (!told) return { ...settings, slotsPerAgent }
  const given = Object.fromEntries(Object.entries(alerts).filter(([, value]) => value !== undefined))
  return { ...settings, slotsPerAgent, alerts: alertRulesOf({ ...configured, ...given }) }
}
