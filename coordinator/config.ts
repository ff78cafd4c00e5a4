import { z } from 'zod'
import {
  duration,
  type Environment,
  hostPort,
  type Loaded,
  loadConfig,
  readEnvironment,
  secret,
  url,
} from '../shared/config/index.ts'
import { logLevels } from '../shared/log/index.ts'
import {
  checksumModes,
  type Destination,
  type DestinationSettings,
  destinationProfiles,
  lockModes,
  storeEncryptions,
} from '../shared/model/destination.ts'
import { defaultCoordinator, defaultPorts } from '../shared/model/ports.ts'
import { version } from '../shared/model/version.ts'
import { destinationProblems } from '../shared/object-store/destination-rules.ts'
import { accessSchema, approvalRulesOf } from './access-config.ts'
import { alertProblems, alertRulesOf, alertsSchema, channelNamesOf } from './alert-config.ts'
import { sinksOf } from './audit/ship/index.ts'
import { auditProblems, auditSchema, type ShipConfig } from './audit-config.ts'
import { budgetsOf, budgetsSchema } from './budget-config.ts'
import { discoverySchema } from './discovery-config.ts'
import { operatorsSchema, tlsProblems, tlsSchema } from './identity/tls-config.ts'
import { limitsSchema } from './limits-config.ts'
import type { Settings } from './operations/index.ts'
import { policyOf, policySchema, selectorOf } from './policy-config.ts'
import { bookOf, documentProblems, layerKeys, watchedPolicies } from './policy-document.ts'
import { linesOfConfiguration, textOfConfiguration } from './policy-text.ts'
import { retentionSchema } from './retention-config.ts'

const destination = z.strictObject({
  /** `s3://bucket/prefix` or `file:///absolute/path`. */
  url: z.string().refine(text => /^(s3:\/\/[^/\s]+|file:\/\/\/)/.test(text), {
    message: 'expected s3://bucket/prefix or file:///absolute/path',
  }),
  endpoint: url().optional(),
  region: z.string().min(1).optional(),
  profile: z.enum(destinationProfiles).optional(),
  /** Sent with every body, for the store to verify; default the profile's. */
  checksum: z.enum(checksumModes).optional(),
  /** Of data; manifests stay in the default class. */
  storage_class: z.string().min(1).optional(),
  encryption: z.enum(storeEncryptions).optional(),
  /** With `encryption: sse-kms`; default the store's own key. */
  kms_key_id: z.string().min(1).optional(),
  /** The account the bucket must belong to. */
  bucket_owner: z.string().min(1).optional(),
  tags: z.record(z.string(), z.string()).optional(),
  /** Put on every object of a backup after its commit. */
  object_lock: z.strictObject({ mode: z.enum(lockModes), days: z.int().min(1) }).optional(),
})

/** What no key can tell by itself. Looks at half-valid input too, hence at nothing it has not checked. */
function crossCheck(
  config: {
    readonly policies?: unknown
    readonly policy?: unknown
    readonly destinations?: unknown
    readonly dead_man?: unknown
    readonly alerts?: unknown
    readonly audit?: unknown
    readonly times?: unknown
    readonly tls?: unknown
    readonly insecure_loopback?: unknown
  },
  context: z.RefinementCtx,
): void {
  const problem = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message })
  const less = (a: unknown, b: unknown) => typeof a === 'number' && typeof b === 'number' && a < b
  const destinations = Object.keys(section(config.destinations))
  for (const [name, each] of Object.entries(section(config.destinations))) {
    const checked = destination.safeParse(each)
    if (!checked.success) continue
    for (const { key, text } of destinationProblems(destinationOf(name, checked.data)))
      problem(['destinations', name, key], `must ${text}`)
  }
  const document = { ...section(config.policy), policies: config.policies }
  for (const { path, text } of documentProblems(document, destinations))
    problem(path[0] === 'policies' ? [...path] : ['policy', ...path], text)
  const { file, consul } = section(config.policy)
  if (file !== undefined && consul !== undefined)
    problem(['policy', 'consul'], 'must not be given beside `file`: policies have one home')
  for (const { path, message } of alertProblems(config.alerts)) problem(['alerts', ...path], message)
  for (const { path, text } of auditProblems(config.audit, destinations)) problem(['audit', ...path], text)
  const deadMan = section(config.dead_man)
  if (deadMan['url'] !== undefined && deadMan['url_file'] !== undefined)
    problem(['dead_man', 'url'], 'must not be given beside `url_file`')
  for (const text of tlsProblems(config)) problem(['tls'], text)
  const times = section(config.times)
  const stale = times['leader_stale']
  if (typeof stale === 'number' && !less(times['leader_margin'], stale) && 'leader_margin' in times)
    problem(['times', 'leader_margin'], 'must be less than `leader_stale`')
  const { heartbeat } = times
  if (typeof heartbeat === 'number' && less(times['lease_ttl'], 3 * heartbeat))
    problem(['times', 'lease_ttl'], 'must be at least three heartbeats')
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

export const coordinatorConfigSchema = z
  .strictObject({
    listen: hostPort().prefault(defaultCoordinator),
    /** Plaintext, on loopback only, in place of `tls`. */
    insecure_loopback: z.boolean().prefault(false),
    /** Certificates of the listener, read again when they change; `holdfast-coordinator init` makes them. */
    tls: tlsSchema.optional(),
    /** Roles of operators with a certificate, by the name in it. */
    operators: operatorsSchema.prefault({ admin: 'admin' }),
    store: z
      .strictObject({
        /** `sqlite:/absolute/file.db` or `postgres://user@host/database`. */
        url: z
          .string()
          .refine(text => /^(sqlite:|postgres(ql)?:\/\/)/.test(text), {
            message: 'expected sqlite:/absolute/file.db or postgres://user@host/database',
          })
          .prefault('sqlite:/var/lib/holdfast/coordinator/holdfast.db'),
        password_file: secret().optional(),
      })
      .prefault({}),
    discovery: discoverySchema.prefault({}),
    destinations: z.record(z.string().min(1), destination).prefault({}),
    /** The first that matches is in effect. */
    policies: z.array(policySchema).prefault([]),
    /** In place of it: settings inherited from the fleet to selectors to single databases. */
    policy: watchedPolicies.extend(layerKeys).prefault({}),
    /** Who is told of what, where, and when. */
    alerts: alertsSchema.prefault({}),
    audit: auditSchema.prefault({}),
    /** A watchdog outside that raises the alarm when the ping stays away. */
    dead_man: z
      .strictObject({
        url: url().optional(),
        url_file: secret().optional(),
        every: duration({ min: 100 }).prefault('1m'),
      })
      .prefault({}),
    /** Jobs an agent works on at a time. */
    slots_per_agent: z.int().min(1).max(64).prefault(2),
    /** No peak above these: for each of a kind, and for single ones by name (a site is a datacenter). */
    budgets: budgetsSchema.prefault({}),
    /** How backups are deleted that no policy keeps. */
    retention: retentionSchema.prefault({}),
    /** Who may ask and steer, by what, and what takes two. */
    access: accessSchema.prefault({}),
    /** What one peer may ask of this process. */
    limits: limitsSchema.prefault({}),
    times: z
      .strictObject({
        heartbeat: duration({ min: 50 }).prefault('10s'),
        lease_ttl: duration({ min: 100 }).prefault('2m'),
        accept: duration({ min: 50 }).prefault('30s'),
        start: duration({ min: 50 }).prefault('30s'),
        inventory: duration({ min: 100 }).prefault('10m'),
        plan: duration({ min: 10 }).prefault('1s'),
        protection: duration({ min: 50 }).prefault('15s'),
        lease_tick: duration({ min: 10 }).prefault('1s'),
        last_seen: duration({ min: 50 }).prefault('30s'),
        /** An agent silent for this long is gone for good: a keeper cleans up after it. */
        agent_gone: duration({ min: 100 }).prefault('6h'),
        /** A server that discovery no longer shows is a gap for so long; then its databases get a tombstone. Backups stay. */
        gone_grace: duration({ min: 50 }).prefault('7d'),
        debris_retry: duration({ min: 50 }).prefault('10m'),
        leader_stale: duration({ min: 200 }).prefault('15s'),
        leader_renew: duration({ min: 20 }).prefault('3s'),
        leader_margin: duration({ min: 20 }).prefault('5s'),
      })
      .prefault({}),
    /** `/metrics`, `/healthz`, `/readyz`. */
    status: z
      .strictObject({
        host: z.string().min(1).prefault('127.0.0.1'),
        /** 0 is off. */
        port: z.int().min(0).max(65_535).prefault(defaultPorts.coordinatorStatus),
      })
      .prefault({}),
    log: z
      .strictObject({
        level: z.enum(logLevels).prefault('info'),
        format: z.enum(['auto', 'json', 'pretty']).prefault('auto'),
        /** Instead of the standard error stream; SIGHUP reopens it. */
        file: z.string().min(1).optional(),
        /** Names of fields in JSON: our own, or those of the Elastic Common Schema. */
        fields: z.enum(['native', 'ecs']).prefault('native'),
      })
      .prefault({}),
    /** How long a stop waits for calls under way and pending alerts. */
    stop_grace: duration({ min: 0, max: 600_000 }).prefault('10s'),
  })
  // also when something else is wrong: every problem is told at once
  .superRefine(crossCheck, { when: () => true })

export type CoordinatorConfig = z.infer<typeof coordinatorConfigSchema>

/** The variables of the coordinator; test hooks are no configuration. */
function coordinatorEnvironment(): Environment {
  return Object.fromEntries(
    Object.entries(readEnvironment()).filter(([name]) => !name.startsWith('HOLDFAST_TEST_')),
  )
}

/** Loads the configuration of the coordinator. @throws AppError `config.*` with every problem there is */
export function loadCoordinatorConfig(
  file: string | undefined,
  flags: Readonly<Record<string, unknown>>,
  environment: Environment = coordinatorEnvironment(),
): Loaded<CoordinatorConfig> {
  const path = file ?? environment['HOLDFAST_CONFIG']
  return loadConfig({
    schema: coordinatorConfigSchema,
    ...(path === undefined || path === '' ? {} : { file: path }),
    environment,
    prefix: 'HOLDFAST_',
    flags,
  })
}

/** The policies of the configuration, as a document. */
function configuredPolicies({ policy, policies, budgets }: CoordinatorConfig): Settings['configured'] {
  const { fleet, rules, databases } = policy
  const document = { policies, fleet, rules, databases, budgets }
  return {
    book: bookOf(document),
    text: textOfConfiguration(document),
    lines: linesOfConfiguration(document),
  }
}

/** The settings the verbs go by. */
export function settingsOf(config: CoordinatorConfig): Settings {
  const { times, policy } = config
  const home = policy.file !== undefined ? 'file' : policy.consul !== undefined ? 'consul' : undefined
  return {
    version,
    policies: config.policies.map(({ name, match, ...keys }) => policyOf(name, selectorOf(match), keys)),
    configured: configuredPolicies(config),
    ...(home === undefined ? {} : { policySource: home }),
    destinations: new Map(
      Object.entries(config.destinations).map(([name, each]) => [name, destinationOf(name, each)]),
    ),
    channels: channelNamesOf(config.alerts),
    alerts: alertRulesOf(config.alerts),
    slotsPerAgent: config.slots_per_agent,
    budgets: budgetsOf(config.budgets),
    ...(config.audit.anchors === undefined ? {} : { anchors: config.audit.anchors }),
    ...(config.audit.ship === undefined ? {} : { ship: shipSettingsOf(config.audit.ship) }),
    approvals: approvalRulesOf(config.access),
    retention: {
      every: config.retention.every,
      grace: config.retention.grace,
      brake: { percent: config.retention.brake.percent, atLeast: config.retention.brake.at_least },
    },
    namedAdmins:
      config.tls === undefined
        ? []
        : Object.entries(config.operators).flatMap(([name, role]) => (role === 'admin' ? [name] : [])),
    longestToken: config.access.longest_token,
    times: {
      heartbeat: times.heartbeat,
      leaseTtl: times.lease_ttl,
      acceptTimeout: times.accept,
      startTimeout: times.start,
      inventoryInterval: times.inventory,
      planInterval: times.plan,
      protectionInterval: times.protection,
      leaseTick: times.lease_tick,
      lastSeenFlush: times.last_seen,
      agentGone: times.agent_gone,
      goneGrace: times.gone_grace,
      debrisRetry: times.debris_retry,
      leaderStale: times.leader_stale,
      leaderRenew: times.leader_renew,
      leaderMargin: times.leader_margin,
    },
  }
}

function shipSettingsOf(ship: ShipConfig): NonNullable<Settings['ship']> {
  return { sinks: sinksOf(ship), every: ship.every, patience: ship.patience }
}

function destinationOf(name: string, each: CoordinatorConfig['destinations'][string]): Destination {
  const local = each.url.startsWith('file:')
  return {
    name,
    url: each.url,
    ...(each.endpoint === undefined ? {} : { endpoint: each.endpoint }),
    ...(each.region === undefined ? {} : { region: each.region }),
    profile: each.profile ?? (local ? 'directory' : each.endpoint === undefined ? 'aws' : 'generic'),
    ...settingsFor(each),
  }
}

function settingsFor(each: CoordinatorConfig['destinations'][string]): Pick<Destination, 'settings'> {
  const settings: DestinationSettings = {
    ...(each.checksum === undefined ? {} : { checksum: each.checksum }),
    ...(each.storage_class === undefined ? {} : { storageClass: each.storage_class }),
    ...(each.encryption === undefined ? {} : { encryption: each.encryption }),
    ...(each.kms_key_id === undefined ? {} : { kmsKeyId: each.kms_key_id }),
    ...(each.bucket_owner === undefined ? {} : { bucketOwner: each.bucket_owner }),
    ...(each.tags === undefined
      ? {}
      : { tags: Object.entries(each.tags).map(([tag, value]) => ({ name: tag, value })) }),
    ...(each.object_lock === undefined ? {} : { objectLock: each.object_lock }),
  }
  return Object.keys(settings).length === 0 ? {} : { settings }
}
