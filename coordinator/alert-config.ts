import { z } from 'zod'
import { duration, secret, url } from '../shared/config/index.ts'
import { type AlertRules, alertRules, type ChannelSpec, type Route } from './alerts/index.ts'
import { isZone, weekdays } from './alerts/rules/quiet-hours.ts'
import { severities } from './alerts/rules/severity.ts'

const texts = z.array(z.string().min(1)).min(1)
const timeout = () => duration({ min: 100, max: 45_000 }).prefault('10s')
const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day such as 22:00')

/** A URL that may be a secret stands in the configuration or in a file of its own. */
const target = { url: url().optional(), url_file: secret().optional() }
const oneTarget = (it: { readonly url?: string | undefined; readonly url_file?: unknown }) =>
  (it.url === undefined) !== (it.url_file === undefined)
const oneTargetMessage = { message: 'expected either `url` or `url_file`' }

/** As it was before there were other channels; kept for good. */
const formerWebhook = z.strictObject(target).refine(oneTarget, oneTargetMessage)

const channel = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('webhook'),
    ...target,
    /** Signs each message (docs/reference/alerts.md). */
    secret_file: secret().optional(),
    timeout: timeout(),
  }),
  z.strictObject({ kind: z.literal('slack'), ...target, timeout: timeout() }),
  z.strictObject({
    kind: z.literal('email'),
    host: z.string().min(1),
    /** Default 587, with `tls: implicit` 465, with `tls: none` 25. */
    port: z.int().min(1).max(65_535).optional(),
    tls: z.enum(['starttls', 'implicit', 'none']).prefault('starttls'),
    /** Certificates to trust instead of the system's. */
    ca_file: z.string().min(1).optional(),
    user: z.string().min(1).optional(),
    password_file: secret().optional(),
    from: z.string().min(3),
    to: texts,
    timeout: timeout(),
  }),
  z.strictObject({
    kind: z.literal('pagerduty'),
    /** The integration key of a service (Events API v2). */
    key_file: secret(),
    url: url().prefault('https://events.pagerduty.com/v2/enqueue'),
    timeout: timeout(),
  }),
  z.strictObject({
    kind: z.literal('alertmanager'),
    /** Its address; `/api/v2/alerts` is added. */
    url: url(),
    user: z.string().min(1).optional(),
    password_file: secret().optional(),
    timeout: timeout(),
  }),
])

const selector = z.strictObject({
  kinds: texts.optional(),
  datacenters: texts.optional(),
  services: texts.optional(),
  engines: texts.optional(),
  databases: texts.optional(),
  hosts: texts.optional(),
  destinations: texts.optional(),
})

const rules = {
  /** Who is told of what: each that matches adds its channels. Without any, every channel is told of everything. */
  routes: z.array(
    z.strictObject({
      /** Patterns with `*`; what is absent matches everything. */
      match: selector.prefault({}),
      min_severity: z.enum(severities).prefault('info'),
      channels: texts,
    }),
  ),
  /** When people are left alone; what waited is told when they end, if it still is so. */
  quiet_hours: z
    .strictObject({
      /** IANA zone, such as Europe/Berlin. */
      zone: z.string().refine(isZone, { message: 'expected an IANA zone such as Europe/Berlin' }),
      from: clockTime.prefault('00:00'),
      to: clockTime.prefault('00:00'),
      /** Quiet from midnight to midnight. */
      days: z.array(z.enum(weekdays)).prefault([]),
      /** What is at least so bad gets through. */
      through: z.enum(severities).prefault('critical'),
    })
    .optional(),
  /** Between two reminders of what nobody looks after; 0s for none. */
  remind_every: duration(),
  /** Before somebody is told, so that what belongs together is told together. */
  group_wait: duration({ max: 3_600_000 }),
  /** At least so long between two messages about an alert that grows. */
  group_interval: duration({ min: 1_000 }),
  /** More untold alerts of a kind than this are told as one. */
  fold_above: z.int().min(1),
  /** An agent whose clock is further off than this. */
  clock_offset: duration({ min: 1_000 }),
  /** Per cent of a disk that must be free; 0: nobody is told. */
  disk_free: z.number().min(0).max(50),
} as const

/** The section `alerts`. */
export const alertsSchema = z.strictObject({
  /** Webhooks by name, in the form of before; `channels` has more. */
  webhooks: z.record(z.string().min(1), formerWebhook).prefault({}),
  channels: z.record(z.string().min(1), channel).prefault({}),
  routes: rules.routes.prefault([]),
  quiet_hours: rules.quiet_hours,
  remind_every: rules.remind_every.prefault('24h'),
  group_wait: rules.group_wait.prefault('30s'),
  group_interval: rules.group_interval.prefault('1h'),
  fold_above: rules.fold_above.prefault(10),
  clock_offset: rules.clock_offset.prefault('30s'),
  disk_free: rules.disk_free.prefault(5),
})

/** What of it holds no secret, and can stand beside the policies: each key in place of the configuration's. */
export const alertRulesSchema = z.strictObject(rules).partial()

export type AlertsConfig = z.infer<typeof alertsSchema>

const singular = {
  kinds: 'kind',
  datacenters: 'datacenter',
  services: 'service',
  engines: 'engine',
  databases: 'database',
  hosts: 'host',
  destinations: 'destination',
} as const

/** The channels of a configuration, by name. */
export function channelNamesOf({ webhooks, channels }: AlertsConfig): readonly string[] {
  return [...Object.keys(webhooks), ...Object.keys(channels)]
}

/** The rules that a configuration means. */
export function alertRulesOf(alerts: AlertsConfig): AlertRules {
  const quiet = alerts.quiet_hours
  return alertRules({
    channels: channelNamesOf(alerts),
    routes: alerts.routes.map(routeOf),
    ...(quiet === undefined
      ? {}
      : { quietHours: { ...quiet, from: minutesOf(quiet.from), to: minutesOf(quiet.to) } }),
    remindEvery: alerts.remind_every,
    groupWait: alerts.group_wait,
    groupInterval: alerts.group_interval,
    foldAbove: alerts.fold_above,
    clockOffset: alerts.clock_offset,
    disk: { freeShare: alerts.disk_free / 100 },
  })
}

/** The channels of a configuration, secrets still in their files. */
export function channelSpecsOf(alerts: AlertsConfig): readonly ChannelSpec[] {
  return [
    ...Object.entries(alerts.webhooks).map(([name, each]) => ({
      name,
      kind: 'webhook' as const,
      timeout: 10_000,
      ...each,
    })),
    ...Object.entries(alerts.channels).map(([name, each]) => ({ name, ...each })),
  ]
}

/** What no key of the section can tell by itself. Looks at half-valid input too. */
export function alertProblems(
  given: unknown,
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  const problems: { path: (string | number)[]; message: string }[] = []
  const alerts = section(given)
  const webhooks = Object.keys(section(alerts['webhooks']))
  const channels = section(alerts['channels'])
  const names = [...webhooks, ...Object.keys(channels)]
  for (const [name, each] of Object.entries(channels)) {
    const at = ['channels', name]
    const { kind, url, url_file: file, user, password_file: password, tls } = section(each)
    if (webhooks.includes(name)) problems.push({ path: at, message: 'must be a name no webhook has' })
    if ((kind === 'webhook' || kind === 'slack') && (url === undefined) === (file === undefined))
      problems.push({ path: [...at, 'url'], message: 'must be given, or `url_file`, and not both' })
    if ((user === undefined) !== (password === undefined))
      problems.push({ path: [...at, 'user'], message: 'must be given together with `password_file`' })
    if (kind === 'email' && tls === 'none' && user !== undefined)
      problems.push({ path: [...at, 'tls'], message: 'must not be `none` where a password is sent' })
  }
  const routes = Array.isArray(alerts['routes']) ? alerts['routes'].map(section) : []
  for (const [i, route] of routes.entries())
    for (const [j, name] of (Array.isArray(route['channels']) ? route['channels'] : []).entries())
      if (typeof name === 'string' && !names.includes(name))
        problems.push({
          path: ['routes', i, 'channels', j],
          message: `must be one of the channels (${names.join(', ') || 'none is configured'})`,
        })
  if (routes.length > 0 && routes.every(route => Object.keys(section(route['match'])).length > 0))
    problems.push({
      path: ['routes'],
      message: 'must hold one without `match`: nobody would be told of what no route matches',
    })
  return problems
}

function routeOf(route: AlertsConfig['routes'][number]): Route {
  const match = Object.entries(route.match).flatMap(([key, patterns]) =>
    patterns === undefined ? [] : [[singular[key as keyof typeof singular], patterns] as const],
  )
  return { match: Object.fromEntries(match), minSeverity: route.min_severity, channels: route.channels }
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}
