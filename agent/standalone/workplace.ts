import { readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { Scope } from '../../shared/lifecycle/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { version } from '../../shared/model/version.ts'
import { openObjectStore } from '../../shared/object-store/index.ts'
import { awsKms, type EncryptionSettings, noEncryption } from '../encryption/index.ts'
import { engineFor } from '../engines/index.ts'
import type { InstanceTarget } from '../engines/port.ts'
import { freeSpace } from '../host/free-space.ts'
import { DurableFolder, lockStateFolder } from '../identity/index.ts'
import { Journal } from '../jobs/journal.ts'
import { leftBehind, recover } from '../jobs/recover.ts'
import { Spool } from '../jobs/spool.ts'
import type { Surroundings } from '../jobs/surroundings.ts'
import { VerifyArea } from '../jobs/verify-area.ts'
import { PartBudget } from '../pipeline/index.ts'
import { StagingArea } from '../pipeline/staging/index.ts'
import { type ChildPriority, createToolFinder } from '../process/index.ts'

/** How long the clean-up after an earlier command may hold up this one, ms. */
const recoveryTimeout = 60_000

export interface WorkplaceOptions {
  /** Folder of all standalone runs of this user. */
  readonly stateRoot: string
  /** Names this run's folder. */
  readonly attemptId: string
  readonly target: InstanceTarget | undefined
  readonly toolFolders: readonly string[]
  readonly partBudget: number
  /** Default folder: `staging` below the state root, for all runs. */
  readonly staging?: { readonly folder?: string | undefined; readonly reserveBytes: number }
  /** Where a throw-away server lives, and as whom; absent: this run starts none. */
  readonly verify?: { readonly folder: string; readonly user?: string | undefined }
  readonly childPriority?: ChildPriority
  readonly encryption?: EncryptionSettings
  readonly log: Log
}

/** The surroundings of one standalone run. `finish` ends it; its folder goes when its matter is settled. */
export interface Workplace {
  readonly world: Surroundings
  finish(settled: boolean): Promise<void>
}

/**
 * The composition root of the standalone commands: the same recipes and the same journal, in a folder of this
 * run's own, locked while it lives. What an earlier run left that was killed is taken back or forward first.
 */
export async function openWorkplace(options: WorkplaceOptions): Promise<Workplace> {
  const { stateRoot, attemptId, log } = options
  const scope = new Scope()
  try {
    const root = await DurableFolder.open(stateRoot)
    await recoverEarlier(root.path, log)
    const folder = join(root.path, attemptId)
    await DurableFolder.open(folder)
    scope.own(lockStateFolder(folder))
    const staging = new StagingArea({
      folder: options.staging?.folder ?? join(root.path, 'staging'),
      reserveBytes: options.staging?.reserveBytes ?? 0,
      log,
      freeSpace,
    })
    await staging
      .sweep()
      .catch((error: unknown) => log.warn('the staging folder could not be swept', { error }))
    const verifying =
      options.verify === undefined
        ? undefined
        : new VerifyArea({ ...options.verify, atOnce: 1, log, freeSpace })
    await verifying
      ?.sweep()
      .catch((error: unknown) => log.warn('the verify folder could not be swept', { error }))
    const world: Surroundings = {
      ...(await openRun(folder, log)),
      tools: createToolFinder({ folders: options.toolFolders }),
      budget: new PartBudget(options.partBudget),
      codec: 'zstd',
      staging,
      ...(verifying === undefined ? {} : { verifying }),
      ...(options.childPriority === undefined ? {} : { childPriority: options.childPriority }),
      encryption: { settings: options.encryption ?? noEncryption, keyService: () => awsKms() },
      scratch: join(folder, 'scratch'),
      host: { hostname: hostname(), version },
      bootId: attemptId,
      engineFor,
      targetFor: () => {
        if (options.target === undefined) throw new AppError('agent.no-credential')
        return options.target
      },
    }
    return {
      world,
      finish: async settled => {
        await scope.close()
        if (settled) await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (thrown) {
    await scope.close().catch(() => {})
    throw AppError.from(thrown)
  }
}

async function openRun(
  folder: string,
  log: Log,
): Promise<Pick<Surroundings, 'journal' | 'spool' | 'clock' | 'log' | 'openStore'>> {
  return {
    journal: await Journal.open(folder, log),
    spool: await Spool.open(folder, systemClock.now().wall, log),
    clock: systemClock,
    log,
    openStore: async (destination, speaks = log) => openObjectStore(destination, { log: speaks }),
  }
}

/** Earlier runs whose process is gone. One that is alive holds its lock and is left alone. */
async function recoverEarlier(root: string, log: Log): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (!entry.isDirectory() || !entry.name.startsWith('att_')) continue
    const folder = join(root, entry.name)
    await recoverRun(folder, log).catch((error: unknown) =>
      log.warn('what an earlier command left is not settled yet; the next one tries again', {
        folder,
        error,
      }),
    )
  }
}

async function recoverRun(folder: string, log: Log): Promise<void> {
  const lock = lockOf(folder)
  if (lock === undefined) return
  try {
    const world = await openRun(folder, log)
    const leaving = AbortSignal.timeout(recoveryTimeout)
    for (const record of await leftBehind(world)) {
      const result = await recover(record, world, leaving, 'leave')
      log.warn('an earlier command was killed; what it left is settled now', {
        attempt_id: record.attempt.attempt_id,
        phase: record.phase,
        outcome: result.outcome,
        ...(result.manifest_key === undefined ? {} : { manifest_key: result.manifest_key }),
        debris: result.debris,
      })
    }
  } finally {
    lock.close()
  }
  await rm(folder, { recursive: true, force: true })
}

function lockOf(folder: string) {
  try {
    return lockStateFolder(folder)
  } catch (thrown) {
    if (AppError.from(thrown).code === 'agent.state-locked') return undefined
    throw thrown
  }
}
