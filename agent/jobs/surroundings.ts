import type { Clock } from '../../shared/clock/index.ts'
import type { Log } from '../../shared/log/index.ts'
import type { Destination } from '../../shared/model/destination.ts'
import type { Codec, EngineKind } from '../../shared/model/engine.ts'
import type { ObjectStore } from '../../shared/object-store/port.ts'
import type { ManifestSignature } from '../../shared/signing/index.ts'
import type { WatchedInstance } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { EncryptionWorld } from '../encryption/index.ts'
import type { Engine, InstanceTarget, ToolFinder } from '../engines/port.ts'
import type { HookBook } from '../hooks/hook.ts'
import type { Yielder } from '../host/yielder.ts'
import type { PartBudget } from '../pipeline/part-budget.ts'
import type { StagingArea } from '../pipeline/staging/index.ts'
import type { Throttle } from '../pipeline/throttle.ts'
import type { ChildPriority, ChildRecord } from '../process/index.ts'
import type { Journal } from './journal.ts'
import type { KeyUse } from './key-use.ts'
import type { Spool } from './spool.ts'
import type { VerifyArea } from './verify-area.ts'

/** What a credential is used for: separate slots, so that a backup role need not be able to write (§3). */
export type Purpose = 'backup' | 'restore'

/** Signs what a manifest says, its `signatures` apart. */
export type ManifestSigner = (manifest: Readonly<Record<string, unknown>>) => ManifestSignature

/** What recipes use of the world; put together by a composition root, by tests with fakes. */
export interface Surroundings {
  readonly journal: Journal
  readonly spool: Spool
  readonly clock: Clock
  readonly log: Log
  readonly tools: ToolFinder
  readonly budget: PartBudget
  /** Used when a job names none. */
  readonly codec: Codec
  /** Where streams are staged; absent: nothing is. */
  readonly staging?: StagingArea
  /** Where backups are restored to be thrown away; absent: nothing is verified here. */
  readonly verifying?: VerifyArea
  /** The rate of the whole agent. */
  readonly throttle?: Throttle
  /** What the budgets leave to one attempt; set while it runs. Absent: they leave it all. */
  readonly share?: Throttle
  /** Whether this agent may delete in buckets; absent: not. */
  readonly keeper?: boolean
  /** Stands back while the host is under pressure; absent: never. */
  readonly yielding?: Pick<Yielder, 'room' | 'yieldedMs'>
  /** A stream without a byte for so long is ended, when its policy says nothing. */
  readonly idleTimeoutMs?: number
  readonly childPriority?: ChildPriority
  /** What jobs may have run around them; absent: nothing. */
  readonly hooks?: HookBook
  /** Who can read backups when a job names nobody, and with what this host reads them; absent: nothing configured. */
  readonly encryption?: EncryptionWorld
  /** A private folder; each attempt gets one of its own below it. */
  readonly scratch: string
  /** Signs manifests as this agent; absent for one that was never certified. */
  readonly signer?: ManifestSigner
  readonly host: { readonly agentId?: string; readonly hostname: string; readonly version: string }
  /** Boot of this agent. */
  readonly bootId: string
  engineFor(kind: EngineKind): Engine
  /** @throws AppError `agent.no-credential` */
  targetFor(instance: WatchedInstance, purpose: Purpose): InstanceTarget
  /** The caller closes it; what it says goes to `log`, else to the agent's. @throws AppError `destination.*` */
  openStore(destination: Destination, log?: Log): Promise<ObjectStore>
}

/** How far an attempt is. */
export interface AttemptProgress {
  readonly stage: string
  readonly rawBytes: number
  readonly storedBytes: number
  /** 0 when unknown. */
  readonly predictedRawBytes: number
  /** Requests to stores that were tried again so far. */
  readonly retries?: number
  /** What rate and end are reckoned by, bytes, where it is not the raw ones. */
  readonly work?: { readonly done: number; readonly of: number }
}

/** Peak resident sets, bytes, sampled: of the agent, of its children together, of all at one moment. */
export interface MemoryPeaks {
  readonly agent: number
  readonly children: number
  readonly total: number
}

/** What a running recipe tells and asks. */
export interface AttemptVoice {
  /** Aborted with an AppError that says why; no longer looked at once the journal says `committing`. */
  readonly signal: AbortSignal
  /** Aborted when the process ends: the journal stays as it is, a restart goes on from it. */
  readonly leaving: AbortSignal
  progress(progress: AttemptProgress): void
  /** From here on something of this attempt may lie in the bucket. */
  touching(): void
  uploadOpened(key: string, uploadId: string): void
  uploadClosed(key: string, uploadId: string, how: 'completed' | 'aborted'): void
  children(records: readonly ChildRecord[]): void
  /** A key opens a backup. Resolves once that is written down: nothing is read with it before. */
  keyUsed?(use: KeyUse): Promise<void>
  /** Peak memory so far. */
  memory?(): MemoryPeaks
  /** Asks before a guarded step (J11). @throws AppError `job.grant-refused`, or the signal's cause */
  grant(action: 'rename' | 'delete', keys: readonly string[]): Promise<void>
  /** From here on the attempt can only succeed or fail by itself: a cancel comes too late (J6, J13). */
  committing(): void
}
