import type { AppError } from '../../shared/errors/index.ts'
import type { CensusCounts } from '../../shared/model/census.ts'
import type { EngineKind, IdentityEvidence } from '../../shared/model/engine.ts'
import type {
  DatabaseSettings,
  EngineInfo,
  Requirements,
  SnapshotPosition,
} from '../../shared/model/manifest.ts'
import type { SecretSource } from '../../shared/secrets/index.ts'
import type { Millis } from '../../shared/time/index.ts'
import type { Command } from '../process/command.ts'

/** Where a server is and how to log in. The password is read from where it comes from when needed, never kept. */
export interface InstanceTarget {
  readonly engine: EngineKind
  readonly host: string
  readonly port: number
  readonly user: string
  readonly passwordFile?: SecretSource
  /** Database to connect to for cluster-wide questions; default by engine (`postgres`, none). */
  readonly maintenanceDatabase?: string
  /** `disable`, `prefer` (default), `require`, `verify-full`. */
  readonly tls?: 'disable' | 'prefer' | 'require' | 'verify-full'
  /** PEM file with the CA for `verify-full`; default the system's. */
  readonly tlsCaFile?: string
}

/** What every engine call may use of its surroundings. */
export interface EngineContext {
  /** Private 0700 folder for 0600 files, removed by the caller afterwards. */
  readonly scratch: string
  /** Finds a host tool: absolute path and version, or `tool.missing` saying which, where searched, how to install. */
  readonly tools: ToolFinder
  readonly signal: AbortSignal
}

/** Finds the tools of this host. */
export interface ToolFinder {
  /**
   * @param names alternatives in order of preference, e.g. `['mariadb-dump', 'mysqldump']`
   * @param folders extra folders searched before the configured ones and PATH, e.g. `/usr/lib/postgresql/15/bin`
   * @param want `'path'` where the version does not matter: asking for it starts the tool
   */
  find(names: readonly string[], folders?: readonly string[], want?: 'version' | 'path'): Promise<FoundTool>
}
export interface FoundTool {
  readonly name: string
  readonly path: string
  /** First line of `--version`; empty where it was not wanted. */
  readonly version: string
}

/** What a probe learns of a server. */
export interface Probe {
  readonly serverVersion: string
  readonly role: 'primary' | 'replica'
  /** Milliseconds behind its source; only on replicas, and absent where it cannot be told. */
  readonly replicationLagMs?: number
  /** Whom a replica follows now; absent where it is cut off, or the role may not know. */
  readonly replicationSource?: { readonly host: string; readonly port: number }
  readonly evidence: readonly IdentityEvidence[]
  /** Server wall clock minus agent wall clock. */
  readonly clockOffsetMs: number
  /** Client tools that would be used, name → version. */
  readonly tools: Readonly<Record<string, string>>
  /** Privileges the backup role lacks, in words; empty is well. */
  readonly missingPrivileges: readonly string[]
}

/** A database as inventory reports it. */
export interface DatabaseFacts {
  readonly name: string
  readonly sizeBytes: number
  /** `false` for databases that cannot be dumped (PostgreSQL `datallowconn = false`). */
  readonly connectable: boolean
  /** Engine's own evidence, e.g. the PostgreSQL oid; tells a renamed database from a new one. */
  readonly evidence: readonly IdentityEvidence[]
}

/** What to dump: one database, or what belongs to the whole cluster (globals). */
export type DumpSubject =
  | { readonly scope: 'database'; readonly name: string }
  /** `passwords`: with the password verifiers of its roles; only for what is stored encrypted. */
  | { readonly scope: 'cluster'; readonly passwords?: boolean }

/** How a dump goes about it; an engine that cannot share a database among streams takes no notice of `streams`. */
export interface DumpOptions {
  /** Streams at the same time inside one database; 1: one archive; absent: as the engine finds right. */
  readonly streams?: number
  /** Others who wait for our sessions for so long end the dump (P6), ms; 0: never; absent: 30 s. */
  readonly blockingLimit?: number
  /** So many transactions since the dump's snapshot end it (P6); 0: never; absent: as the engine finds right. */
  readonly xminAgeLimit?: number
  /** On a replica: received and not replayed for so long ends it (P6), ms; absent or 0: never. */
  readonly replayLagLimit?: number
  /** On a replica: so much log received and not replayed ends it (P6), bytes; absent or 0: never. */
  readonly replayBacklogLimit?: number
  /** The server ends a session of a tool that has read nothing for so long (a frozen agent), ms; absent: 15 min. */
  readonly unreadLimit?: number
  /** A database that holds less is one stream, bytes; absent: as the engine finds right. */
  readonly sharedFrom?: number
  /** A census will be asked for: also one stream alone is dumped in a snapshot that others can look into. */
  readonly census?: boolean
}

/** One stream of a dump: a producer whose stdout is the raw dump. */
export interface DumpStream {
  /** `000-full`, `000-globals`: base of the object name; sorts in restore order. */
  readonly name: string
  /** Format suffix: `pgdump` (custom archive) or `sql`. */
  readonly format: 'pgdump' | 'sql'
  readonly command: Command
  /**
   * For textual dumps: the last line of the raw stream must match, not counting blank lines and bare `--`
   * (with which pg_dumpall frames its completion mark).
   */
  readonly footer?: RegExp
  /** Expected raw bytes, for part size and progress; 0 when unknown. */
  readonly predictedBytes: number
  /**
   * Gets a copy of the raw stream on stdin, e.g. to read an archive's table of contents, and may end early;
   * `take` is given what it says, all of it before `verify`.
   */
  readonly tap?: {
    readonly command: Command
    readonly take: (chunk: Buffer) => void
    /** It needs no more than so many bytes of the beginning, which is cheaper; absent: it may want all. */
    readonly headBytes?: number
  }
  /** Nothing of this dump runs beside it: streams before it have ended, streams after it wait. */
  readonly alone?: boolean
}

/** An opened dump: everything known before the first byte. Close ends its sessions and removes its files. */
export interface DumpSession {
  /** Server time the data is true of, never later than the snapshot (P1); on a replica its replay time. */
  readonly dataAsOf: Millis
  readonly clockOffsetMs: number
  readonly engine: EngineInfo
  readonly evidence: readonly IdentityEvidence[]
  readonly position?: SnapshotPosition
  readonly settings?: DatabaseSettings
  readonly requirements: Requirements
  readonly streams: readonly DumpStream[]
  /** How many streams may run at the same time; default 1. */
  readonly concurrency?: number
  /**
   * Aborted, with an AppError that can be retried, when what holds the streams together is lost (snapshot,
   * locks) or when the dump does harm (P6): the attempt ends with that.
   */
  readonly broken?: AbortSignal
  /** For the manifest: what a person should know although the backup is good. */
  readonly warnings: readonly string[]
  /** What a failed producer's stderr means, as an error of the registry; undefined when it is nothing known. */
  diagnose(stream: DumpStream, stderrTail: string): AppError | undefined
  /** Called after a stream's stages closed well; throws when stderr or the server says it is not whole. */
  verify(stream: DumpStream, stderrTail: string): Promise<void>
  /** What of a tool's stderr may be passed on: no rows of anybody's. Absent: all of it. */
  presentable?(stderrTail: string): string
  /** Called after every stream was verified, before anything is completed; throws when they are not the whole. */
  account?(): Promise<void>
  /**
   * Counts what the dump's own snapshot holds (P5): called once, as the streams begin, and goes on beside them.
   * Undefined where it cannot be told for certain, with a warning pushed to `warnings` that says why; what it throws
   * becomes such a warning. Absent: this dump has no census.
   */
  census?(signal: AbortSignal): Promise<CensusCounts | undefined>
  close(): Promise<void>
}

/** What a restore needs to know of a backup: from its manifest. */
export interface RestoreSource {
  readonly engine: EngineInfo
  readonly databaseName: string
  readonly settings?: DatabaseSettings
  readonly requirements: Requirements
  readonly streams: readonly { readonly name: string; readonly format: 'pgdump' | 'sql' }[]
  /**
   * `keep` (default) demands every role the backup names; `discard` gives all objects to the restoring role
   * and drops grants, for a server that has none of those roles.
   */
  readonly ownership?: 'keep' | 'discard'
  /** Streams at the same time; absent: as the engine finds right. */
  readonly atOnce?: number
}

/**
 * An opened restore. It holds a lock in the target server for its whole life, and works on a hidden name
 * where the engine can rename a database (J11).
 */
export interface RestoreSession {
  /** The database being written now; equals the target where the engine cannot rename. */
  readonly workingName: string
  /**
   * Streams by name, in phases: those of one phase may be restored at the same time, `concurrency` of them.
   * Absent: one after the other, in order of their names.
   */
  readonly phases?: readonly (readonly string[])[]
  /** Default 1. */
  readonly concurrency?: number
  /** The consumer of a raw stream on stdin. */
  consumer(streamName: string): Command
  /** What a person should know before or after this restore. */
  readonly warnings: readonly string[]
  /** What a failed consumer's stderr means, as an error of the registry; undefined when it is nothing known. */
  diagnose(streamName: string, stderrTail: string): AppError | undefined
  /** Called after a stream's consumer closed well, before the next phase. */
  verify(streamName: string, stderrTail: string): Promise<void>
  /** What of a tool's stderr may be passed on: no rows of anybody's. Absent: all of it. */
  presentable?(stderrTail: string): string
  /** Indexes and constraints, settings, statistics; all that precedes the commit. */
  prepareCommit(): Promise<void>
  /** Renames into place. The caller has the Grant. */
  commit(): Promise<void>
  /** Drops what was half restored; safe to call at any time before commit. */
  abandon(): Promise<void>
  /** Releases lock and sessions. */
  close(): Promise<void>
}

/**
 * A server of ours that lives as long as one verification: empty, private, without a network. Disposed of, its
 * processes are gone; its folder is the caller's to remove.
 */
export interface ThrowawayServer extends AsyncDisposable {
  readonly target: InstanceTarget
  readonly version: string
  /** It is of the line (major version) the backup was made of: what it refuses, the original would have refused. */
  readonly sameLine: boolean
  /** Whether its process still runs: a restore that fails because its server died says nothing of the backup. */
  readonly running: boolean
}

/** What a throw-away server is started with. */
export interface ThrowawayOptions {
  /** Of the server the backup was made of. */
  readonly serverVersion: string
  /** The caller's, empty; whatever the server writes is below it. */
  readonly folder: string
  /** What the backup needs beyond its rows: roles are made (they cannot log in), tablespaces lie in the folder. */
  readonly requirements: Requirements
  /** As whom it runs when we are root; most servers refuse to run as that. */
  readonly user?: string
}

/** Starts servers that are thrown away (P5). */
export interface ThrowawayServers {
  /**
   * Versions of the server programs of this host that could be started, the oldest first; empty: none.
   *
   * @param user see `ThrowawayOptions`
   */
  versions(tools: ToolFinder, user?: string): Promise<readonly string[]>
  /**
   * Of the versions there are, the one a backup is restored into: of its own line, else the oldest newer one;
   * undefined: all are older. Pure.
   */
  choose(versions: readonly string[], serverVersion: string): string | undefined
  /**
   * Starts one, of the version `choose` says. Durability is switched off: it is worth nothing tomorrow. Its child is
   * written down in the folder (`startServer` of agent/process), so that a later agent ends what escaped.
   *
   * @throws AppError `verify.no-server`, `verify.user-missing`, `verify.server-failed`
   */
  start(options: ThrowawayOptions, context: EngineContext): Promise<ThrowawayServer>
}

/** Capabilities as data. */
export interface EngineCapabilities {
  /** The engine has cluster-scoped globals (roles, tablespaces) as a backup of their own. */
  readonly globals: boolean
  /** A database can be renamed, so a restore commits by rename. */
  readonly renameDatabase: boolean
  readonly maxNameBytes: number
}

/** The engine port: everything that differs between database engines, and nothing else. */
export interface Engine {
  readonly kind: EngineKind
  readonly capabilities: EngineCapabilities
  probe(target: InstanceTarget, context: EngineContext): Promise<Probe>
  inventory(target: InstanceTarget, context: EngineContext): Promise<readonly DatabaseFacts[]>
  openDump(
    target: InstanceTarget,
    subject: DumpSubject,
    context: EngineContext,
    options?: DumpOptions,
  ): Promise<DumpSession>
  openRestore(
    target: InstanceTarget,
    source: RestoreSource,
    into: string,
    attemptId: string,
    context: EngineContext,
  ): Promise<RestoreSession>
  /**
   * Drops the hidden database of a restore whose process is gone, if it is there; absent where the engine has no
   * hidden name. The name is that attempt's alone, so nothing else can be meant.
   */
  dropUnfinished?(target: InstanceTarget, into: string, attemptId: string): Promise<void>
  /** Counts what a restored database holds, in the terms of `DumpSession.census`. */
  count?(target: InstanceTarget, database: string, context: EngineContext): Promise<CensusCounts>
  readonly throwaway?: ThrowawayServers
}
