import { compareRules, type PolicyRule, type SettingValues } from './rule.ts'

/**
 * Settings that only mean something together: the strongest rule that gives one of them gives them all, so that no
 * database gets a level for a codec that another rule chose, a zone for nobody's cron, or half of what is kept.
 */
const together: Readonly<Record<string, string>> = {
  every: 'schedule',
  cron: 'schedule',
  zone: 'schedule',
  destination: 'place',
  destinations: 'place',
  copies: 'place',
  min_copies: 'place',
  copy_patience: 'place',
  long_running_after: 'long-running',
  long_running_factor: 'long-running',
  codec: 'compression',
  codec_level: 'compression',
  'compression.codec': 'compression',
  'compression.level': 'compression',
  'compression.long': 'compression',
  'compression.threads': 'compression',
  'retention.forever': 'retention',
  'retention.keep_last': 'retention',
  'retention.keep_within': 'retention',
  'retention.hourly': 'retention',
  'retention.daily': 'retention',
  'retention.weekly': 'retention',
  'retention.monthly': 'retention',
  'retention.yearly': 'retention',
  'retention.zone': 'retention',
  'verification.every': 'verification',
  'verification.timeout': 'verification',
  'verification.census': 'verification',
}

/** The group a setting is inherited with; its own key where it stands alone. */
export function groupOf(key: string): string {
  return together[key] ?? key
}

/** Two rules of equal rank that give a database different values: the one written first holds. */
export interface Disagreement {
  /** The settings they disagree on, as people write them. */
  readonly settings: readonly string[]
  /** The one that holds. */
  readonly holds: string
  readonly yields: string
}

/** What the rules for one database come to. */
export interface Merged {
  readonly settings: SettingValues
  /** Which rule gave each of them, by its name. */
  readonly givenBy: ReadonlyMap<string, PolicyRule>
  readonly disagreements: readonly Disagreement[]
}

interface Held {
  readonly rule: PolicyRule
  readonly values: ReadonlyMap<string, unknown>
}

/** Lays rules over each other, setting by setting. `rules` in the order in which they were written. */
export function mergeRules(rules: readonly PolicyRule[]): Merged {
  const held = new Map<string, Held>()
  const disagreements: Disagreement[] = []
  // of equals the one written first comes last, and holds
  for (const rule of [...rules].reverse().sort(compareRules))
    for (const [group, values] of grouped(rule.settings)) {
      const below = held.get(group)
      if (below !== undefined && compareRules(below.rule, rule) === 0) {
        const settings = differing(below.values, values)
        if (settings.length > 0) disagreements.push({ settings, holds: rule.name, yields: below.rule.name })
      }
      held.set(group, { rule, values })
    }
  const settings: Record<string, unknown> = {}
  const givenBy = new Map<string, PolicyRule>()
  for (const { rule, values } of held.values())
    for (const [key, value] of values) {
      settings[key] = value
      givenBy.set(key, rule)
    }
  return { settings, givenBy, disagreements }
}

function grouped(settings: SettingValues): ReadonlyMap<string, Map<string, unknown>> {
  const groups = new Map<string, Map<string, unknown>>()
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined) continue
    const group = groups.get(groupOf(key))
    if (group === undefined) groups.set(groupOf(key), new Map([[key, value]]))
    else group.set(key, value)
  }
  return groups
}

function differing(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter(key => JSON.stringify(a.get(key)) !== JSON.stringify(b.get(key)))
    .sort()
}
