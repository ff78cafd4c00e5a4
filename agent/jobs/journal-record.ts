import { z } from 'zod'
import {
  checksumModes,
  destinationProfiles,
  lockModes,
  storeEncryptions,
} from '../../shared/model/destination.ts'
import { engineKinds } from '../../shared/model/engine.ts'
import { manifestSchema } from '../../shared/model/manifest.ts'
import { keyUseSchema } from './key-use.ts'
import { failureSchema } from './result.ts'

/**
 * What the journal keeps of an attempt (architecture §4 step 5). Each phase holds all that a restarted agent
 * needs to go back or forward from it; a phase is written before its first act:
 *
 * | phase | written before | a restart |
 * |---|---|---|
 * | `open` | the first CreateMultipartUpload | aborts every multipart under the prefix; failed |
 * | `completing` | the first CompleteMultipartUpload | completes again, goes on; or failed with debris |
 * | `committing` | the manifest's PUT | puts the same bytes again, goes on |
 * | result | – | it is in the spool; sent until acknowledged |
 *
 * Version 2 has more than one destination: `further` beside `destination`. Each upload says where it is, a phase
 * is gone through in every destination that was not given up, and `copies` says how many it takes for success.
 * Version 1 is one destination and is still written for it.
 *
 * 64-bit numbers stay far below 2^53 here (sizes of one upload), so they are numbers.
 */

const attempt = z.strictObject({
  job_id: z.string(),
  attempt_id: z.string().min(1),
  epoch: z.int().nonnegative(),
})

const destination = z.strictObject({
  name: z.string(),
  url: z.string(),
  endpoint: z.string().exactOptional(),
  region: z.string().exactOptional(),
  profile: z.enum(destinationProfiles),
  /** How objects are kept there, so that a restart keeps them the same way. */
  settings: z
    .strictObject({
      checksum: z.enum(checksumModes).exactOptional(),
      storageClass: z.string().exactOptional(),
      encryption: z.enum(storeEncryptions).exactOptional(),
      kmsKeyId: z.string().exactOptional(),
      bucketOwner: z.string().exactOptional(),
      tags: z
        .array(z.strictObject({ name: z.string(), value: z.string() }))
        .readonly()
        .exactOptional(),
      objectLock: z.strictObject({ mode: z.enum(lockModes), days: z.int().positive() }).exactOptional(),
    })
    .exactOptional(),
})

const child = z.strictObject({
  name: z.string(),
  pid: z.int().positive(),
  startTime: z.string(),
  bootId: z.string(),
})

const common = {
  version: z.union([z.literal(1), z.literal(2)]),
  attempt,
  kind: z.enum(['backup', 'restore', 'delete', 'copy', 'verify']),
  destination,
  /** Destinations beside it that get the same objects. */
  further: z.array(destination).exactOptional(),
  /** All keys of the attempt begin with it; empty for what stores nothing of its own: restore, delete, copy, verify. */
  prefix: z.string(),
  started_at: z.int(),
  /** Boot of the agent that wrote this. */
  agent_boot_id: z.string(),
  /** What is to be run once it ended; a restart does that, too. */
  hooks: z
    .strictObject({
      after: z.array(z.string()),
      on_failure: z.array(z.string()),
      facts: z.record(z.string(), z.string()),
    })
    .exactOptional(),
}

/** What is asked of several destinations, and which take no part any more. */
const copies = z.strictObject({
  /** As many must be committed for success. */
  min: z.int().positive(),
  /** How long the others are waited for once there are as many, ms. */
  patience_ms: z.int().nonnegative(),
  given_up: z.array(z.strictObject({ destination: z.string(), failure: failureSchema })),
})

const upload = z.strictObject({
  /** Name of the destination it is in; absent: `destination`. */
  destination: z.string().exactOptional(),
  key: z.string(),
  upload_id: z.string(),
  size: z.int().nonnegative(),
  parts: z.array(
    z.strictObject({
      number: z.int().positive(),
      size: z.int().nonnegative(),
      sha256: z.string(),
      etag: z.string(),
      /** `crc32c:…`, base64, where another checksum than SHA-256 went with it. */
      checksum: z.string().exactOptional(),
    }),
  ),
})

const openRecord = z.strictObject({
  ...common,
  phase: z.literal('open'),
  /** Children running now; ended by a restarted agent. */
  children: z.array(child),
  /** Keys that opened a backup so far: told whatever becomes of the attempt. */
  keys_used: z.array(keyUseSchema).exactOptional(),
  /** What a guarded job was writing to, for people. */
  target: z.string().exactOptional(),
  /** The server it was writing to, so that a restart drops what was half written. */
  instance: z
    .strictObject({
      instance_id: z.string(),
      engine: z.enum(engineKinds),
      service: z.string(),
      address: z.string(),
      port: z.int(),
    })
    .exactOptional(),
})

const completingRecord = z.strictObject({
  ...common,
  phase: z.literal('completing'),
  uploads: z.array(upload).min(1),
  copies: copies.exactOptional(),
  manifest_key: z.string(),
  /** The manifest but for its commit time; its streams hold the stages, all closed 0, bytes accounted. */
  draft: manifestSchema.omit({ committed_at: true }),
})

const committingRecord = z.strictObject({
  ...common,
  phase: z.literal('committing'),
  manifest_key: z.string(),
  /** The manifest's very bytes, base64. */
  manifest: z.base64(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  copies: copies.exactOptional(),
  /** Finished objects: debris, should the manifest turn out to be impossible to store. */
  objects: z.array(z.string()),
  raw_bytes: z.int().nonnegative(),
  stored_bytes: z.int().nonnegative(),
})

export const journalRecordSchema = z.discriminatedUnion('phase', [
  openRecord,
  completingRecord,
  committingRecord,
])

export type JournalRecord = z.infer<typeof journalRecordSchema>
export type OpenRecord = z.infer<typeof openRecord>
export type CompletingRecord = z.infer<typeof completingRecord>
export type CommittingRecord = z.infer<typeof committingRecord>
export type ManifestDraft = CompletingRecord['draft']
/** What every phase has. */
export type JournalHead = Omit<OpenRecord, 'phase' | 'children' | 'target' | 'instance'>
