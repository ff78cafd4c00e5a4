import { z } from 'zod'
import { byteSize, duration } from '../shared/config/index.ts'
import { codecTraits, compressionProblems } from '../shared/model/compression.ts'
import { type Codec, codecs, engineKinds, strategies } from '../shared/model/engine.ts'
import { hookMoments, hookName } from '../shared/model/hook.ts'
import { isRecipient } from '../shared/model/recipient.ts'
import { copyKeys, copyPolicyOf, copyProblems } from './copy-config.ts'
import { parseDailyWindow } from './planner/index.ts'
import { type Policy, type PolicySelector, policyVersion, replicaPreferences } from './policy/index.ts'
import { retentionKeys, retentionOf, retentionProblems } from './retention-config.ts'
import { everyDay, scheduleOf, scheduleProblems } from './schedule-config.ts'
import { verificationKeys, verificationPart, verificationProblems } from './verification-config.ts'

const names = z.array(z.string().min(1)).min(1)

const dailyWindow = z.string().refine(text => parseDailyWindow(text) !== undefined, {
  message: 'expected a window of the day such as 22:00-06:00 (UTC) or Mon-Fri 22:00-06:00 Europe/Berlin',
})

const recipient = z.string().refine(isRecipient, {
  message: 'expected an age recipient: age1…, ssh-ed25519 … or ssh-rsa … (a public key)',
})

const hookNames = z
  .array(z.string().regex(hookName, 'expected the name of a hook, such as freeze-app; never a command'))
  .max(16)

/** Which databases a policy or a rule is for; what is absent matches everything. */
export const matchSchema = z.strictObject({
  engines: z.array(z.enum(engineKinds)).min(1).optional(),
  /** Any of these tags, as Consul tells them of an instance. */
  tags: names.optional(),
  services: names.optional(),
  datacenters: names.optional(),
  /** Patterns with `*` on the cluster's name. */
  clusters: names.optional(),
  /** Patterns with `*`. */
  databases: names.optional(),
  exclude: names.optional(),
})

/** What a policy, a rule, the fleet or a database may say; nothing of it must be said. */
export const settingKeys = {
  /** 24h when neither this nor `cron` is given; `auto`: from the promise and how long a backup takes. */
  every: z.union([z.literal('auto'), duration({ min: 1_000 })]).optional(),
  /** In place of `every`: five fields, by the clocks of `zone`, such as `30 1 * * *`. */
  cron: z.string().min(1).optional(),
  /** IANA zone of `cron`, such as `Europe/Berlin`; UTC when absent. */
  zone: z.string().min(1).optional(),
  /** No good backup younger than this is a breach; 26h when absent. */
  rpo: duration({ min: 1_000 }).optional(),
  ...copyKeys,
  /** zstd when absent. */
  codec: z.enum(codecs).optional(),
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
      required: z.boolean().optional(),
      /** age recipients: age1…, ssh-ed25519 …. */
      recipients: z.array(recipient).optional(),
      /** A file of recipients on the agents' hosts. */
      recipients_file: z.string().startsWith('/').optional(),
      /** AWS KMS key that wraps an identity made for each backup: ARN, id or alias. */
      kms_key: z.string().min(1).optional(),
      /** Further recipients of every encrypted backup, for the day the key is gone. */
      break_glass: z.array(recipient).optional(),
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
  /** `prefer` a replica within its lag limit; `require`: wait for one; `never`: only from a primary. */
  replica: z.enum(replicaPreferences).optional(),
  /** Replication lag up to which a replica is preferred to its primary; `5m` when absent, `0s`: never. */
  replica_max_lag: duration().optional(),
  /** Streams at the same time inside one PostgreSQL database, on one snapshot; 1: one archive; default by the host's cores and the tables' sizes. */
  streams: z.int().min(1).max(32).optional(),
  /** People are told of a backup that runs longer than this, whatever is usual for its database. */
  long_running_after: duration({ min: 1_000 }).optional(),
  /** The same as so many times its median, in place of that of all policies: 3. */
  long_running_factor: z.number().min(1).max(100).optional(),
  /** An attempt that takes longer than this is ended and retried; never when absent. */
  timeout: duration({ min: 1_000 }).optional(),
  /** A restore of its backups that takes longer is ended, and what it made is removed; never when absent. */
  restore_timeout: duration({ min: 1_000 }).optional(),
  /** A dump that blocks others for so long ends itself and is retried: production comes first; `0s`: never; default 30 s. */
  blocking_limit: duration().optional(),
  /** So many transactions since its snapshot end a PostgreSQL dump, which is retried: vacuum waits for it; 0: never; default 500,000,000. */
  xmin_age_limit: z.int().min(0).max(2_000_000_000).optional(),
  /** A dump from a replica ends itself when what the replica received is not replayed for so long; default never. */
  replay_lag_limit: duration().optional(),
  /** The same when so much log is received and not replayed, such as `10GB`; default never. */
  replay_backlog_limit: byteSize().optional(),
  /** What agents run around a backup, by the names their own configuration gives them. */
  hooks: z
    .strictObject({
      /** The first that fails ends the attempt before its dump begins. */
      before: hookNames.optional(),
      /** Whatever became of the attempt. */
      after: hookNames.optional(),
      /** Before those of `after`, when the attempt failed. */
      on_failure: hookNames.optional(),
    })
    .optional(),
  /** What is kept of its backups; absent: all of them, for ever. */
  retention: retentionKeys.optional(),
  /** How often its newest backup is proven by a restore into a throw-away server; `none` when absent. */
  verification: verificationKeys.optional(),
  retry: z
    .strictObject({
      /** 4 when absent. */
      attempts: z.int().min(1).max(100).optional(),
      /** 30s when absent; it doubles with each attempt. */
      base_delay: duration().optional(),
      /** 15m when absent. */
      max_delay: duration().optional(),
    })
    .optional(),
} as const

const settingsObject = z.strictObject(settingKeys)

/** Settings as they were given. */
export type PolicyKeys = z.infer<typeof settingsObject>

/** How often backups are made where nobody says it. */
export type UsualSchedule = number | 'auto'

/** Settings with everything in them that must be there. */
export function completed(keys: PolicyKeys, usual: UsualSchedule) {
  const { encryption, retry, ...rest } = keys
  return {
    ...rest,
    ...(keys.every === undefined && keys.cron === undefined ? { every: usual } : {}),
    rpo: keys.rpo ?? usualRpo,
    codec: keys.codec ?? ('zstd' as const),
    ...(encryption === undefined
      ? {}
      : {
          encryption: {
            ...encryption,
            required: encryption.required ?? false,
            recipients: encryption.recipients ?? [],
            break_glass: encryption.break_glass ?? [],
          },
        }),
    retry: {
      attempts: retry?.attempts ?? 4,
      base_delay: retry?.base_delay ?? 30_000,
      max_delay: retry?.max_delay ?? 900_000,
    },
  }
}

export type CompletedKeys = ReturnType<typeof completed>

const usualRpo = 26 * 3_600_000

/** A policy of the list `policies`, whose first that matches is in effect: complete in itself. */
export const policySchema = z
  .strictObject({ name: z.string().min(1), match: matchSchema.prefault({}), ...settingKeys })
  // said where it holds, so that `config show` tells it
  .transform(({ name, match, ...keys }) => ({ name, match, ...completed(keys, everyDay) }))

interface Problem {
  readonly path: readonly (string | number)[]
  readonly text: string
}

/**
 * What of some settings does not go together. Looks at half-valid input too, hence at nothing it has not checked.
 * `whole`: they are all there is, so they must say where backups go, and `usual` holds for what they do not say.
 */
export function settingProblems(
  keys: Readonly<Record<string, unknown>>,
  destinations: readonly string[],
  { whole, usual }: { readonly whole: boolean; readonly usual: UsualSchedule },
): readonly Problem[] {
  return [
    ...copyProblems(keys, destinations, whole),
    ...encodingProblems(keys, whole),
    ...(keys['long_running_after'] !== undefined && keys['long_running_factor'] !== undefined
      ? [
          {
            path: ['long_running_factor'],
            text: 'must not be given beside `long_running_after`: that holds whatever is usual',
          },
        ]
      : []),
    ...(keys['replica'] === 'require' && keys['replica_max_lag'] === 0
      ? [{ path: ['replica_max_lag'], text: 'must not be 0s beside `replica: require`: no replica would do' }]
      : []),
    ...hookProblems(keys),
    ...retentionProblems(keys['retention']),
    ...verificationProblems(keys['verification']),
    ...scheduleProblems(whole ? { rpo: usualRpo, ...keys } : keys, usual).map(({ key, text }) => ({
      path: [key],
      text,
    })),
  ]
}

/** What of a policy's compression and encryption does not go together. */
function encodingProblems(policy: Readonly<Record<string, unknown>>, whole: boolean): readonly Problem[] {
  const own = policy['compression'] !== undefined
  const told = own
    ? section(policy['compression'])
    : { codec: policy['codec'] ?? 'zstd', level: policy['codec_level'] }
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
    ...(whole && policy['globals_passwords'] === true && !named && file === undefined && key === undefined
      ? [
          {
            path: ['globals_passwords'],
            text: 'must not be true unless `encryption` says who can read it, or is `required`',
          },
        ]
      : []),
  ]
}

/** A hook that is named twice for one moment is a slip: it would run twice. */
function hookProblems(policy: Readonly<Record<string, unknown>>): readonly Problem[] {
  const hooks = section(policy['hooks'])
  return hookMoments.flatMap(moment => {
    const names = hooks[moment]
    return Array.isArray(names) && new Set(names).size < names.length
      ? [{ path: ['hooks', moment], text: 'must not name a hook twice' }]
      : []
  })
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** A selector as policies carry it. */
export function selectorOf(match: z.infer<typeof matchSchema>): PolicySelector {
  return Object.fromEntries(Object.entries(match).filter(([, value]) => value !== undefined))
}

/** The policy that complete settings make. */
export function policyOf(name: string, selector: PolicySelector, each: CompletedKeys): Policy {
  const content: Omit<Policy, 'version'> = {
    name,
    selector,
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
    ...retentionPart(each),
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
    ...(each.replica === undefined || each.replica === 'prefer' ? {} : { replica: each.replica }),
    ...(each.replica_max_lag === undefined ? {} : { replicaMaxLag: each.replica_max_lag }),
    ...(each.streams === undefined ? {} : { streams: each.streams }),
    ...longRunningOf(each),
    ...(each.timeout === undefined ? {} : { timeout: each.timeout }),
    ...(each.restore_timeout === undefined ? {} : { restoreTimeout: each.restore_timeout }),
    ...(each.blocking_limit === undefined ? {} : { blockingLimit: each.blocking_limit }),
    ...(each.xmin_age_limit === undefined ? {} : { xminAgeLimit: each.xmin_age_limit }),
    ...(each.replay_lag_limit === undefined ? {} : { replayLagLimit: each.replay_lag_limit }),
    ...(each.replay_backlog_limit === undefined ? {} : { replayBacklogLimit: each.replay_backlog_limit }),
    ...hooksOf(each),
    ...verificationPart(each.verification),
  }
  return { ...content, version: policyVersion(content) }
}

function retentionPart({ retention }: CompletedKeys): Pick<Policy, 'retention'> {
  const rule = retentionOf(retention)
  return rule === undefined ? {} : { retention: rule }
}

function longRunningOf({
  long_running_after: after,
  long_running_factor: factor,
}: CompletedKeys): Pick<Policy, 'longRunning'> {
  if (after !== undefined) return { longRunning: { after } }
  return factor === undefined ? {} : { longRunning: { factor } }
}

function compressionOf({
  compression,
  codec,
  codec_level,
}: CompletedKeys): Pick<Policy, 'codec' | 'codecLevel' | 'codecLong' | 'codecThreads'> {
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

/** Absent where none is asked for, be it that a stronger rule took them away. */
function hooksOf({ hooks }: CompletedKeys): Pick<Policy, 'hooks'> {
  const { before = [], after = [], on_failure: onFailure = [] } = hooks ?? {}
  return before.length + after.length + onFailure.length === 0 ? {} : { hooks: { before, after, onFailure } }
}

function encryptionOf(each: NonNullable<CompletedKeys['encryption']>): NonNullable<Policy['encryption']> {
  return {
    required: each.required,
    recipients: each.recipients,
    ...(each.recipients_file === undefined ? {} : { recipientsFile: each.recipients_file }),
    ...(each.kms_key === undefined ? {} : { kmsKey: each.kms_key }),
    breakGlass: each.break_glass,
  }
}
