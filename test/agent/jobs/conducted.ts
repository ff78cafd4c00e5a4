import { join } from 'node:path'
import { freeSpace } from '../../../agent/host/free-space.ts'
import { PeakMemory } from '../../../agent/host/peak-memory.ts'
import { backupRecipe } from '../../../agent/jobs/backup.ts'
import { conduct } from '../../../agent/jobs/conduct.ts'
import type { Recipe } from '../../../agent/jobs/recipe.ts'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import type { AttemptProgress, Surroundings } from '../../../agent/jobs/surroundings.ts'
import { verifyRecipe } from '../../../agent/jobs/verify.ts'
import { VerifyArea } from '../../../agent/jobs/verify-area.ts'
import { StagingArea } from '../../../agent/pipeline/staging/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import type { AttemptRef, BackupSpec, VerifySpec } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { newAttempt } from './world.ts'

/** A staging area below the state folder of a test, with as much free space as it is told. */
export function stagingIn(
  folder: string,
  options: { readonly reserveBytes?: number; readonly free?: () => Promise<number> } = {},
): StagingArea {
  return new StagingArea({
    folder: join(folder, 'staging'),
    reserveBytes: options.reserveBytes ?? 0,
    log: silentLog,
    freeSpace: options.free ?? freeSpace,
  })
}

/** A verify folder below the state folder of a test. */
export function verifyIn(
  folder: string,
  options: { readonly atOnce?: number; readonly user?: string; readonly free?: () => Promise<number> } = {},
): VerifyArea {
  return new VerifyArea({
    folder: join(folder, 'verify'),
    atOnce: options.atOnce ?? 1,
    user: options.user,
    log: silentLog,
    freeSpace: options.free ?? freeSpace,
  })
}

/** One backup from pre-flight to result, told of as it goes; nobody grants, cancels or leaves. */
export async function conducted(
  spec: BackupSpec,
  world: Surroundings,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly result: AttemptResult; readonly progress: readonly AttemptProgress[] }> {
  const attempt = newAttempt()
  return performed(backupRecipe(spec, attempt, Date.now(), world), attempt, world, signal)
}

/** One verification, the same way. */
export async function verifying(
  spec: VerifySpec,
  world: Surroundings,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly result: AttemptResult; readonly progress: readonly AttemptProgress[] }> {
  const attempt = newAttempt()
  return performed(verifyRecipe(spec, attempt, world), attempt, world, signal)
}

async function performed(recipe: Recipe, attempt: AttemptRef, world: Surroundings, signal: AbortSignal) {
  const progress: AttemptProgress[] = []
  const memory = new PeakMemory()
  await recipe.preflight()
  const result = await conduct({
    recipe,
    attempt,
    startedAt: Date.now(),
    world,
    voice: {
      signal,
      leaving: new AbortController().signal,
      progress: each => progress.push(each),
      touching: () => {},
      uploadOpened: () => {},
      uploadClosed: () => {},
      children: records => memory.watch(records.map(({ pid }) => pid)),
      memory: () => memory.peaks,
      grant: async () => {},
      committing: () => {},
    },
    counted: () => ({ rawBytes: 0, storedBytes: 0, peakRssBytes: memory.bytes }),
  })
  if (result === undefined) throw new Error('nobody told it to leave')
  return { result, progress }
}
