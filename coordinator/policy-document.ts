import { z } from 'zod'
import { secret, url } from '../shared/config/index.ts'
import { consulTlsSchema } from './discovery-config.ts'
import {
  mergeRules,
  PolicyBook,
  type PolicyMaker,
  type PolicyRule,
  type PolicySelector,
  type SettingValues,
} from './policy/index.ts'
import {
  completed,
  matchSchema,
  type PolicyKeys,
  policyOf,
  type policySchema,
  selectorOf,
  settingKeys,
  settingProblems,
  type UsualSchedule,
} from './policy-config.ts'
import { everyDay } from './schedule-config.ts'

/** A name that a rule may have: it is shown beside those of the layers, and stands in keys of a diff. */
const ruleName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 _-]*$/, 'expected a name of letters, digits, spaces, _ and -')
  .refine(name => name !== 'fleet' && name !== 'default', {
    message: 'expected another name: that one is taken',
  })

/** Policies by inheritance: what holds for the fleet, for what selectors match, for single databases. */
export const layerKeys = {
  /** For every database that nothing stronger speaks of. */
  fleet: z.strictObject(settingKeys).optional(),
  /** For what they match; the more exact ones are stronger. */
  rules: z
    .array(
      z.strictObject({
        name: ruleName,
        match: matchSchema,
        /** Before how exact the selector is: higher is stronger; 0 when absent. */
        rank: z.int().min(-1_000).max(1_000).optional(),
        ...settingKeys,
      }),
    )
    .optional(),
  /** For one database each: `service/name`, `cluster/name` or its id; `service/(globals)`. */
  databases: z.record(z.string().min(3), z.strictObject(settingKeys)).optional(),
} as const

/** Where policies are watched; what the configuration has holds until something is there. */
export const watchedPolicies = z.strictObject({
  /** A file of its own, read again whenever it changes. */
  file: z.string().startsWith('/').optional(),
  /** A key of Consul's KV store. */
  consul: z
    .strictObject({
      key: z.string().regex(/^[^/\s][^\s]*$/, 'expected a key such as holdfast/policies'),
      /** Default that of `discovery.consul`, with its token and certificates. */
      address: url().optional(),
      datacenter: z.string().min(1).optional(),
      token_file: secret().optional(),
      tls: consulTlsSchema.optional(),
    })
    .optional(),
})

const layersObject = z.strictObject(layerKeys)
export type PolicyLayers = z.infer<typeof layersObject>

/** What policies are written as: a list of whole ones, or layers. */
export interface PolicyDocument extends PolicyLayers {
  readonly policies?: readonly z.infer<typeof policySchema>[] | undefined
}

interface Problem {
  readonly path: readonly (string | number)[]
  readonly text: string
}

/** What no key of a document can tell by itself. Looks at half-valid input too. */
export function documentProblems(
  document: {
    readonly policies?: unknown
    readonly fleet?: unknown
    readonly rules?: unknown
    readonly databases?: unknown
  },
  destinations: readonly string[],
): readonly Problem[] {
  const policies = list(document.policies)
  const rules = list(document.rules)
  const { fleet } = document
  const databases = Object.entries(section(document.databases))
  const layered = fleet !== undefined || rules.length > 0 || databases.length > 0
  const first = fleet !== undefined ? 'fleet' : rules.length > 0 ? 'rules' : 'databases'
  return [
    ...(layered && policies.length > 0
      ? [
          {
            path: [first],
            text: 'must not be given beside `policies`: the first of those that matches is all there is',
          },
        ]
      : []),
    ...twice(policies, 'policies', 'must be a name no other policy has'),
    ...twice(rules, 'rules', 'must be a name no other rule has'),
    ...policies.flatMap((each, i) =>
      at(['policies', i], settingProblems(each, destinations, { whole: true, usual: everyDay })),
    ),
    ...(fleet === undefined
      ? []
      : at(['fleet'], settingProblems(section(fleet), destinations, { whole: false, usual: 'auto' }))),
    ...rules.flatMap((each, i) => at(['rules', i], overFleet(section(fleet), each, destinations))),
    ...databases.flatMap(([name, each]) =>
      at(['databases', name], overFleet(section(fleet), section(each), destinations)),
    ),
  ]
}

/** What is wrong with some settings alone, else with what they make of the fleet's. */
function overFleet(
  fleet: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  destinations: readonly string[],
): readonly Problem[] {
  const alone = settingProblems(given, destinations, { whole: false, usual: 'auto' })
  if (alone.length > 0) return alone
  const rule = (layer: PolicyRule['layer'], settings: SettingValues): PolicyRule => ({
    layer,
    name: layer,
    selector: {},
    rank: 0,
    settings,
  })
  const { name: _, match: __, rank: ___, ...settings } = given
  const merged = mergeRules([rule('fleet', flatten(fleet)), rule('rule', flatten(settings))])
  const keys = nested(merged.settings)
  const whole = 'destination' in keys || 'destinations' in keys
  return whole
    ? settingProblems(keys, destinations, { whole: true, usual: 'auto' }).map(({ path, text }) => ({
        path,
        text: `with what the fleet has: ${text}`,
      }))
    : []
}

function twice(
  items: readonly Readonly<Record<string, unknown>>[],
  key: string,
  text: string,
): readonly Problem[] {
  const names = items.map(each => each['name'])
  return names.flatMap((name, i) => (names.indexOf(name) < i ? [{ path: [key, i, 'name'], text }] : []))
}

function at(path: readonly (string | number)[], problems: readonly Problem[]): readonly Problem[] {
  return problems.map(each => ({ ...each, path: [...path, ...each.path] }))
}

/** The book of a document that has no problem. */
export function bookOf(document: PolicyDocument): PolicyBook {
  const { policies = [], fleet, rules = [], databases = {} } = document
  if (policies.length > 0)
    return new PolicyBook(
      'first-match',
      policies.map(({ name, match, ...keys }) => ({
        layer: 'rule',
        name,
        selector: selectorOf(match),
        rank: 0,
        settings: withoutDefaults(keys),
      })),
      maker(everyDay),
    )
  const of = (
    layer: PolicyRule['layer'],
    name: string,
    selector: PolicySelector,
    rank: number,
    keys: PolicyKeys,
  ) => ({
    layer,
    name,
    selector,
    rank,
    settings: flatten(keys),
  })
  return new PolicyBook(
    'layered',
    [
      ...(fleet === undefined ? [] : [of('fleet', 'fleet', {}, 0, fleet)]),
      ...rules.map(({ name, match, rank, ...keys }) => of('rule', name, selectorOf(match), rank ?? 0, keys)),
      ...Object.entries(databases).map(([name, keys]) => of('database', name, {}, 0, keys)),
    ],
    maker('auto'),
  )
}

/** What is as it is by default counts as given by nobody: whole policies come with all of it. */
function withoutDefaults(keys: PolicyKeys): SettingValues {
  const usual = flatten(completed({}, everyDay))
  return Object.fromEntries(Object.entries(flatten(keys)).filter(([key, value]) => usual[key] !== value))
}

function maker(usual: UsualSchedule): PolicyMaker {
  return (name, selector, settings) => {
    const keys = completed(nested(settings) as PolicyKeys, usual)
    // rules that are each right may make together what none would be allowed to say: verifiers in plaintext
    const { encryption: e } = keys
    const sealed =
      e !== undefined &&
      (e.required || e.recipients.length > 0 || e.recipients_file !== undefined || e.kms_key !== undefined)
    const safe = keys.globals_passwords === true && !sealed ? { ...keys, globals_passwords: false } : keys
    return { policy: policyOf(name, selector, safe), settings: flatten(safe) }
  }
}

/** Settings that are inherited one by one although they stand in a section, by dotted keys. */
function flatten(keys: Readonly<Record<string, unknown>>): SettingValues {
  const flat: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(keys)) {
    if (value === undefined) continue
    if (!isSection(value)) flat[key] = value
    else
      for (const [inner, each] of Object.entries(value))
        if (each !== undefined) flat[`${key}.${inner}`] = each
  }
  return flat
}

/** The opposite of `flatten`. */
function nested(flat: SettingValues): Readonly<Record<string, unknown>> {
  const keys: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(flat)) {
    const [outer = '', inner] = key.split('.')
    keys[outer] = inner === undefined ? value : { ...section(keys[outer]), [inner]: value }
  }
  return keys
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return isSection(value) ? value : {}
}

function list(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(section) : []
}
