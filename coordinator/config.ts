import { z } from 'zod'
import {
  byteSize,
  duration,
  type Environment,
  hostPort,
  type Loaded,
  loadConfig,
  readEnvironment,
  secretFile,
  url,
} from '../shared/config/index.ts'
import { logLevels } from '../shared/log/index.ts'
import { codecTraits, compressionProblems } from '../shared/model/compression.ts'
import {
  checksumModes,
  type Destination,
  type DestinationSettings,
  destinationProfiles,
  lockModes,
  storeEncryptions,
} from '../shared/model/destination.ts'
import { type Codec, codecs, engineKinds, strategies } from '../shared/model/engine.ts'
import { defaultCoordinator, defaultPorts } from '../shared/model/ports.ts'
import { isRecipient } from '../shared/model/recipient.ts'
import { version } from '../shared/model/version.ts'
import { destinationProblems } from '../shared/object-store/destination-rules.ts'
import { alertProblems, alertRulesOf, alertsSchema } from './alert-config.ts'
import { budgetsOf, budgetsSchema } from './budget-config.ts'
import { copyKeys, copyPolicyOf, copyProblems } from './copy-config.ts'
import type { Settings } from './operations/index.ts'
import { parseDailyWindow } from './planner/index.ts'
import { type Policy, policyVersion } from './policy/index.ts'
import { everyDay, scheduleOf, scheduleProblems } from './schedule-config.ts'

const names = z.array(z.string().min(1)).min(1)

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

const dailyWindow = z.string().refine(text => parseDailyWindow(text) !== undefined, {
  message: 'expected a window of the day such as 22:00-06:00 (UTC) or Mon-Fri 22:00-06:00 Europe/Berlin',
})

const recipient = z.string().refine(isRecipient, {
  message: 'expected an age recipient: age1…, ssh-ed25519 … or ssh-rsa … (a public key)',
})

const policy = z
  .strictObject({
    name: z.string().min(1),
    /** Which databases it is for; what is absent matches everything. */
    match: z
      .strictObject({
        engines: z.array(z.enum(engineKinds)).min(1).optional(),
        services: names.optional(),
        datacenters: names.optional(),
        /** Patterns with `*`. */
        databases: names.optional(),
        exclude: names.optional(),
      })
      .prefault({}),
    /** 24h when neither this nor `cron` is given. */
    every: duration({ min: 1_000 }).optional(),
    /** In place of `every`: five fields, by the clocks of `zone`, such as `30 1 * * *`. */
    cron: z.string().min(1).optional(),
    /** IANA zone of `cron`, such as `Europe/Berlin`; UTC when absent. */
    zone: z.string().min(1).optional(),
    /** No good backup younger than this is a breach. */
    rpo: duration({ min: 1_000 }).prefault('26h'),
    ...copyKeys,
    codec: z.enum(codecs).prefault('zstd'),
    /** Of `codec`, default its own (1 for zstd); `compression` says more. */
    codec_level: z.int().min(1).max(19).optional(),
    /** In place of `codec` and `codec_level`. */
    compression: z
      .strictObject({
        codec: z.enum(codecs).prefault('zstd'),
        /** zstd 1–19, gzip, xz and bzip2 1–9; default 1 for zstd, 6 for gzip and xz, 9 for bzip2. */
        level: z.int().optional(),
        /** zstd's long mode: log2 of the window in bytes, 10–31. */
        long: z.int().optional(),
        /** Of zstd and xz, 1–64. */
        threads: z.int().optional(),
      })
      .optional(),
    /** Who can read the backups; absent: as each agent is configured. */
    encryption: z
      .strictObject({
        /** Nothing may be stored in plaintext. */
        required: z.boolean().prefault(false),
        /** age recipients: age1…, ssh-ed25519 …. */
        recipients: z.array(recipient).prefault([]),
        /** A file of recipients on the agents' hosts. */
        recipients_file: z.string().startsWith('/').optional(),
        /** AWS KMS key that wraps an identity made for each backup: ARN, id or alias. */
        kms_key: z.string().min(1).optional(),
        /** Further recipients of every encrypted backup, for the day the key is gone. */
        break_glass: z.array(recipient).prefault([]),
      })
      .optional(),
    /** A cluster's globals with the password verifiers of its roles: only encrypted. */
    globals_passwords: z.boolean().optional(),
    /** `streaming`; `staged` over a private folder of the host, refused without room; `auto`: staged where there is room. */
    strategy: z.enum(strategies).optional(),
    /** Whether people are told of each backup that succeeded. */
    tell_success: z.boolean().optional(),
    /** Most bytes a second each job stores, such as `50MB`. */
    max_rate: byteSize().optional(),
    /** A stream without a byte for so long is ended and retried; default the agent's. */
    idle_timeout: duration({ min: 10_000 }).optional(),
    /** Whose promise is kept first where not all can be; 1 when absent. */
    importance: z.int().min(0).max(100).optional(),
    /** When jobs may start, such as `22:00-06:00` (UTC) or `Sat,Sun 00:00-12:00 Europe/Berlin`; at any time when absent. */
    windows: z.array(dailyWindow).min(1).optional(),
    /** When they may not, whatever `windows` says. */
    blackouts: z.array(dailyWindow).min(1).optional(),
    /** Whether a job must end inside its window, as predicted; yes when absent. */
    must_finish: z.boolean().optional(),
    /** Replication lag up to which a replica is preferred to its primary; `5m` when absent, `0s`: never. */
    replica_max_lag: duration().optional(),
    /** Streams at the same time inside one PostgreSQL database, on one snapshot; 1: one archive; default by the host's cores and the tables' sizes. */
    streams: z.int().min(1).max(32).optional(),
    /** A dump that blocks others for so long ends itself and is retried: production comes first; `0s`: never; default 30 s. */
    blocking_limit: duration().optional(),
    retry: z
      .strictObject({
        attempts: z.int().min(1).max(100).prefault(4),
        base_delay: duration().prefault('30s'),
        max_delay: duration().prefault('15m'),
      })
      .prefault({}),
  })
  // said where it holds, so that `config show` tells it
  .transform(each =>
    each.every === undefined && each.cron === undefined ? { ...each, every: everyDay } : each,
  )

/** What no key can tell by itself. Looks at half-valid input too, hence at nothing it has not checked. */
function crossCheck(
  config: {
    readonly policies?: unknown
    readonly destinations?: unknown
    readonly dead_man?: unknown
    readonly alerts?: unknown
    readonly times?: unknown
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
  const seen = new Set<unknown>()
  for (const [i, each] of (Array.isArray(config.policies) ? config.policies : []).map(section).entries()) {
    for (const { path, text } of copyProblems(each, destinations)) problem(['policies', i, ...path], text)
    if (seen.has(each['name'])) problem(['policies', i, 'name'], 'must be a name no other policy has')
    seen.add(each['name'])
    for (const { path, text } of encodingProblems(each)) problem(['policies', i, ...path], text)
    for (const { key, text } of scheduleProblems(each)) problem(['policies', i, key], text)
  }
  for (const { path, message } of alertProblems(config.alerts)) problem(['alerts', ...path], message)
  const deadMan = section(config.dead_man)
  if (deadMan['url'] !== undefined && deadMan['url_file'] !== undefined)
    problem(['dead_man', 'url'], 'must not be given beside `url_file`')
  const times = section(config.times)
  const stale = times['leader_stale']
  if (typeof stale === 'number' && !less(times['leader_margin'], stale) && 'leader_margin' in times)
    problem(['times', 'leader_margin'], 'must be less than `leader_stale`')
  const { heartbeat } = times
  if (typeof heartbeat === 'number' && less(times['lease_ttl'], 3 * heartbeat))
    problem(['times', 'lease_ttl'], 'must be at least three heartbeats')
}

/** What of a policy's compression and encryption does not go together. */
function encodingProblems(
  policy: Readonly<Record<string, unknown>>,
): readonly { readonly path: readonly string[]; readonly text: string }[] {
  const own = policy['compression'] !== undefined
  const told = own ? section(policy['compression']) : { codec: policy['codec'], level: policy['codec_level'] }
  const codec = codecs.find(each => each === told['codec'])
  const number = (key: string) => (typeof told[key] === 'number' ? { [key]: told[key] } : {})
  // beside `codec: none` a level was always allowed
  const problems =
    codec === undefined || (!own && codec === 'none')
      ? []
      : compressionProblems({ codec, ...number('level'), ...number('long'), ...number('threads') })
  const { required, recipients, recipients_file: file, kms_key: key } = section(policy['encryption'])
  const named = required === true || (Array.isArray(recipients) && recipients.length > 0)
  return [
    ...problems.map(each => ({ path: own ? ['compression', each.key] : ['codec_level'], text: each.text })),
    ...(policy['globals_passwords'] === true && !named && file === undefined && key === undefined
      ? [
          {
            path: ['globals_passwords'],
            text: 'must not be true unless `encryption` says who can read it, or is `required`',
          },
        ]
      : []),
  ]
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

export const coordinatorConfigSchema = z
  .strictObject({
    listen: hostPort().prefault(defaultCoordinator),
    /** Plaintext, on loopback only; until mTLS is built there is nothing else. */
    insecure_loopback: z.boolean().prefault(false),
    store: z
      .strictObject({
        /** `sqlite:/absolute/file.db` or `postgres://user@host/database`. */
        url: z
          .string()
          .refine(text => /^(sqlite:|postgres(ql)?:\/\/)/.test(text), {
            message: 'expected sqlite:/absolute/file.db or postgres://user@host/database',
          })
          .prefault('sqlite:/var/lib/holdfast/coordinator/holdfast.db'),
        password_file: secretFile().optional(),
      })
      .prefault({}),
    discovery: z
      .strictObject({
        consul: z
          .strictObject({
            address: url().prefault('http://127.0.0.1:8500'),
            token_file: secretFile().optional(),
            services: z
              .array(z.strictObject({ name: z.string().min(1), engine: z.enum(engineKinds).optional() }))
              .min(1),
            /** How long an empty answer must last before it is believed. */
            empty_grace: duration().prefault('1m'),
          })
          .optional(),
        /** A YAML file of instances. */
        static_file: z.string().min(1).optional(),
      })
      .prefault({}),
    destinations: z.record(z.string().min(1), destination).prefault({}),
    /** The first that matches is in effect. */
    policies: z.array(policy).prefault([]),
    /** Who is told of what, where, and when. */
    alerts: alertsSchema.prefault({}),
    /** A watchdog outside that raises the alarm when the ping stays away. */
    dead_man: z
      .strictObject({
        url: url().optional(),
        url_file: secretFile().optional(),
        every: duration({ min: 100 }).prefault('1m'),
      })
      .prefault({}),
    /** Jobs an agent works on at a time. */
    slots_per_agent: z.int().min(1).max(64).prefault(2),
    /** No peak above these: for each of a kind, and for single ones by name (a site is a datacenter). */
    budgets: budgetsSchema.prefault({}),
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

/** The settings the verbs go by. */
export function settingsOf(config: CoordinatorConfig): Settings {
  const { times } = config
  return {
    version,
    policies: config.policies.map(policyOf),
    destinations: new Map(
      Object.entries(config.destinations).map(([name, each]) => [name, destinationOf(name, each)]),
    ),
    alerts: alertRulesOf(config.alerts),
    slotsPerAgent: config.slots_per_agent,
    budgets: budgetsOf(config.budgets),
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
      debrisRetry: times.debris_retry,
      leaderStale: times.leader_stale,
      leaderRenew: times.leader_renew,
      leaderMargin: times.leader_margin,
    },
  }
}

function policyOf(each: CoordinatorConfig['policies'][number]): Policy {
  const { engines, services, datacenters, databases, exclude } = each.match
  const content: Omit<Policy, 'version'> = {
    name: each.name,
    selector: {
      ...(engines === undefined ? {} : { engines }),
      ...(services === undefined ? {} : { services }),
      ...(datacenters === undefined ? {} : { datacenters }),
      ...(databases === undefined ? {} : { databases }),
      ...(exclude === undefined ? {} : { exclude }),
    },
    schedule: scheduleOf(each),
    rpo: each.rpo,
    ...copyPolicyOf(each),
    ...compressionOf(each),
    retry: {
      maxAttempts: each.retry.attempts,
      baseDelay: each.retry.base_delay,
      maxDelay: each.retry.max_delay,
    },
    // absent where nothing is asked, so that no version changes for it
    ...(each.strategy === undefined ? {} : { strategy: each.strategy }),
    ...(each.tell_success === true ? { tellSuccess: true } : {}),
    ...(each.max_rate === undefined ? {} : { maxRate: each.max_rate }),
    ...(each.idle_timeout === undefined ? {} : { idleTimeout: each.idle_timeout }),
    ...(each.encryption === undefined ? {} : { encryption: encryptionOf(each.encryption) }),
    ...(each.globals_passwords === undefined ? {} : { globalsPasswords: each.globals_passwords }),
    ...(each.importance === undefined ? {} : { importance: each.importance }),
    ...(each.windows === undefined
      ? {}
      : { windows: each.windows.flatMap(text => parseDailyWindow(text) ?? []) }),
    ...(each.blackouts === undefined
      ? {}
      : { blackouts: each.blackouts.flatMap(text => parseDailyWindow(text) ?? []) }),
    ...(each.must_finish === undefined ? {} : { mustFinish: each.must_finish }),
    ...(each.replica_max_lag === undefined ? {} : { replicaMaxLag: each.replica_max_lag }),
    ...(each.streams === undefined ? {} : { streams: each.streams }),
    ...(each.blocking_limit === undefined ? {} : { blockingLimit: each.blocking_limit }),
  }
  return { ...content, version: policyVersion(content) }
}

function compressionOf({
  compression,
  codec,
  codec_level,
}: CoordinatorConfig['policies'][number]): Pick<
  Policy,
  'codec' | 'codecLevel' | 'codecLong' | 'codecThreads'
> {
  const standard = (each: Codec) => codecTraits[each].level?.standard ?? 0
  if (compression === undefined) return { codec, codecLevel: codec_level ?? standard(codec) }
  const { level, long, threads } = compression
  return {
    codec: compression.codec,
    codecLevel: level ?? standard(compression.codec),
    ...(long === undefined ? {} : { codecLong: long }),
    ...(threads === undefined ? {} : { codecThreads: threads }),
  }
}

function encryptionOf(
  each: NonNullable<CoordinatorConfig['policies'][number]['encryption']>,
): NonNullable<Policy['encryption']> {
  return {
    required: each.required,
    recipients: each.recipients,
    ...(each.recipients_file === undefined ? {} : { recipientsFile: each.recipients_file }),
    ...(each.kms_key === undefined ? {} : { kmsKey: each.kms_key }),
    breakGlass: each.break_glass,
  }
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
