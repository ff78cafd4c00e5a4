import { z } from 'zod'
import { engineKinds, streamCodecs } from './engine.ts'

/**
 * The manifest, format v1 (architecture §6): a backup exists only through it (P2). Location-free, so that it
 * is byte-identical in every copy. Append-only format: fields are added, never changed. 64-bit numbers are
 * decimal strings; times are integer milliseconds UTC.
 */

const count = z.string().regex(/^(0|[1-9]\d{0,19})$/, 'a decimal 64-bit number as text')
const millis = z.int().nonnegative()
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const evidence = z.object({ kind: z.string(), value: z.string() })

export const engineInfoSchema = z.object({
  kind: z.enum(engineKinds),
  server_version: z.string(),
  /** Client tools used, with their version line. */
  tools: z.array(z.object({ name: z.string(), version: z.string() })),
})

export const positionSchema = z.object({
  /** `lsn`, `binlog`, `gtid`. */
  kind: z.string(),
  value: z.string(),
})

export const settingsSchema = z.object({
  encoding: z.string().optional(),
  collation: z.string().optional(),
  ctype: z.string().optional(),
  locale_provider: z.string().optional(),
  icu_locale: z.string().optional(),
  icu_rules: z.string().optional(),
  /** Locale of PostgreSQL's `builtin` provider (17 and later). */
  builtin_locale: z.string().optional(),
  /** Default tablespace, when it is not the server's. */
  tablespace: z.string().optional(),
  comment: z.string().optional(),
  owner: z.string().optional(),
  /** Database ACL in the engine's own text form. */
  acl: z.array(z.string()).default([]),
  /** `ALTER DATABASE … SET`: name, value, role (empty for all roles). */
  settings: z.array(z.object({ name: z.string(), value: z.string(), role: z.string() })).default([]),
  connection_limit: z.int().optional(),
})

export const requirementsSchema = z.object({
  extensions: z.array(z.object({ name: z.string(), version: z.string() })).default([]),
  preload_libraries: z.array(z.string()).default([]),
  locales: z.array(z.string()).default([]),
  tablespaces: z.array(z.string()).default([]),
  roles: z.array(z.string()).default([]),
  /** Of the server, name → value: what names in the dump mean depends on them (`lower_case_table_names`). */
  server_settings: z.record(z.string(), z.string()).optional(),
  /** Named time zones the server must know, of events (MySQL, MariaDB). */
  time_zones: z.array(z.string()).optional(),
})

export const stageSchema = z.object({
  name: z.string(),
  command: z.array(z.string()),
  exit_status: z.int(),
  bytes_in: count.optional(),
  bytes_out: count.optional(),
  duration_ms: millis,
  /** Peak resident set, bytes, as sampled: a lower bound. */
  peak_rss_bytes: count.optional(),
})

export const partSchema = z.object({ size: z.int().nonnegative(), sha256 })

export const objectSchema = z.object({
  /** Relative to the destination's prefix. */
  key: z.string(),
  size: count,
  parts: z.array(partSchema).min(1),
})

/** What making the backup took besides time and bytes; `duration_ms` from the first stream's start to the last byte stored. */
export const observedSchema = z.object({
  strategy: z.enum(['streaming', 'staged']),
  /** Why, one code. */
  strategy_reason: z.string(),
  duration_ms: millis,
  /** Requests to stores that were tried again. */
  retries: z.int().nonnegative(),
  /** How long it stood back behind the host's own work; absent from an agent that does not look. */
  yielded_ms: millis.optional(),
  /** Peak resident sets, bytes: of the agent, and of its children taken together at one moment. */
  peak_rss_bytes: z.object({ agent: count, children: count }),
})

export const streamSchema = z.object({
  name: z.string(),
  format: z.enum(['pgdump', 'sql']),
  /** Applied in this order at backup; restore reverses it. */
  codecs: z.array(z.enum(streamCodecs)),
  raw_bytes: count,
  stored_bytes: count,
  objects: z.array(objectSchema).min(1),
  stages: z.array(stageSchema),
  /** From its start to its last byte stored. */
  duration_ms: millis.optional(),
})

/**
 * How the streams are encrypted and who can read them; never a key in the clear. Recipients are age recipients
 * (`age1…`, `ssh-ed25519 …`), which are public and name the key by themselves.
 */
export const encryptionSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('age'), recipients: z.array(z.string()).min(1) }),
  z.object({
    kind: z.literal('aws-kms'),
    /** Of the identity made for this backup alone. */
    recipient: z.string(),
    /** Those who can read it without KMS (break-glass). */
    recipients: z.array(z.string()),
    /** Of the key that wrapped the identity, as KMS answered. */
    key_arn: z.string(),
    /** The identity (`AGE-SECRET-KEY-1…`) as KMS Encrypt returned it, base64. */
    wrapped_key: z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/),
    /** Encryption context it is bound to: cluster, database, attempt. */
    context: z.record(z.string(), z.string()),
  }),
])

export const manifestSchema = z.object({
  format: z.literal('holdfast.backup'),
  version: z.literal(1),
  backup_id: z.string(),
  attempt_id: z.string(),
  /** Absent for standalone backups. */
  job_id: z.string().optional(),
  epoch: z.int().nonnegative(),
  scope: z.enum(['database', 'cluster']),
  kind: z.enum(['full']),
  /** Chains: the backup this one builds on, and all it needs. Empty for `full`. */
  base: z.string().optional(),
  requires: z.array(z.string()).default([]),
  cluster: z.object({ id: z.string().optional(), name: z.string(), evidence: z.array(evidence) }),
  instance: z.object({ id: z.string().optional(), host: z.string(), port: z.int() }),
  databases: z.array(z.object({ id: z.string().optional(), name: z.string() })),
  agent: z.object({ id: z.string().optional(), host: z.string(), version: z.string() }),
  engine: engineInfoSchema,
  data_as_of: millis,
  started_at: millis,
  committed_at: millis,
  clock_offset_ms: z.int(),
  position: positionSchema.optional(),
  streams: z.array(streamSchema).min(1),
  raw_bytes: count,
  stored_bytes: count,
  settings: settingsSchema.optional(),
  requirements: requirementsSchema,
  /** What a person should know of this backup although it is good, e.g. tables without transactions. */
  warnings: z.array(z.string()).optional(),
  encryption: encryptionSchema,
  /** An object of its own with row counts from the snapshot. */
  census: z
    .object({
      key: z.string(),
      size: count,
      sha256,
      /** As a stream's; absent: plain JSON. */
      codecs: z.array(z.enum(streamCodecs)).optional(),
      /** Before the codecs; absent with none. */
      raw_bytes: count.optional(),
    })
    .optional(),
  policy: z.object({ name: z.string(), version: z.string() }).optional(),
  observed: observedSchema.optional(),
  /** Class at birth, never read back. */
  class: z.enum(['daily', 'weekly', 'monthly', 'yearly', 'manual']),
  /** By the agent's key over RFC 8785 JSON without this field; arrives with enrolment. */
  signatures: z.array(z.object({ key_id: z.string(), algorithm: z.string(), value: z.string() })).default([]),
})

export type Manifest = z.infer<typeof manifestSchema>
export type ManifestObserved = z.infer<typeof observedSchema>
export type ManifestStream = z.infer<typeof streamSchema>
export type ManifestEncryption = z.infer<typeof encryptionSchema>
export type ManifestObject = z.infer<typeof objectSchema>
export type EngineInfo = z.infer<typeof engineInfoSchema>
export type SnapshotPosition = z.infer<typeof positionSchema>
export type DatabaseSettings = z.infer<typeof settingsSchema>
export type Requirements = z.infer<typeof requirementsSchema>
