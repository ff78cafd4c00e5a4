import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Attempts } from '../../../agent/jobs/attempts.ts'
import type { AttemptResult } from '../../../agent/jobs/result.ts'
import type { Surroundings } from '../../../agent/jobs/surroundings.ts'
import type { Destination } from '../../../shared/model/destination.ts'
import { openDirectoryStore } from '../../../shared/object-store/directory.ts'
import type { ObjectStore } from '../../../shared/object-store/port.ts'
import { destinationToWire } from '../../../shared/wire/destination.ts'
import type { Assign, AttemptRef, BackupSpec } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { fakeEngine } from './fake-engine.ts'
import { backupSpec, bucketContent, makeWorld, newAttempt } from './world.ts'

/** A destination in a folder of the test. */
export function place(root: string, name: string): Destination {
  return { name, url: pathToFileURL(join(root, name)).href, profile: 'directory' }
}

/** An agent whose destinations are the folders their URLs name. */
export async function copiesWorld(
  root: string,
  wrap: (store: ObjectStore, destination: Destination) => ObjectStore = store => store,
): Promise<Surroundings> {
  return makeWorld(
    { state: join(root, 'state'), bucket: join(root, 'one') },
    {
      engine: fakeEngine({ streams: ['seq 1 50000', 'seq 50001 90000'] }),
      openStore: async destination => wrap(openDirectoryStore(fileURLToPath(destination.url)), destination),
    },
  )
}

/** A backup to the folders `one` and `two`. */
export function backupToBoth(root: string, attempt: AttemptRef, changes: Partial<BackupSpec> = {}): Assign {
  return {
    attempt,
    kind: JobKind.BACKUP,
    spec: {
      $case: 'backup',
      value: backupSpec('', {
        destination: destinationToWire(place(root, 'one')),
        destinations: [destinationToWire(place(root, 'two'))],
        ...changes,
      }),
    },
  }
}

/** A copy of the backup of a result, from `one` to `two`. */
export function copyOf(root: string, result: AttemptResult, sha256: string): Assign {
  return {
    attempt: newAttempt(),
    kind: JobKind.COPY,
    spec: {
      $case: 'copy',
      value: {
        sources: [destinationToWire(place(root, 'one'))],
        target: destinationToWire(place(root, 'two')),
        manifestKey: result.manifest_key ?? '',
        manifestSha256: sha256,
        backupId: 'bak_1',
      },
    },
  }
}

/** Does one attempt from offer to result. */
export async function done(world: Surroundings, assign: Assign): Promise<AttemptResult | undefined> {
  const { attempt } = assign
  if (attempt === undefined) return undefined
  const attempts: Attempts = new Attempts({
    world,
    slots: 1,
    onResult: () => {},
    onAsked: () => {},
    send: frame => {
      if (frame.$case === 'accepted') setImmediate(() => attempts.start(attempt))
      if (frame.$case === 'declined') throw new Error(JSON.stringify(frame.value.failure))
      return true
    },
  })
  attempts.assign(assign)
  await attempts.idle()
  return world.spool.ofAttempt(attempt.attemptId)
}

/** Every object of a folder with its bytes, and what is open there. */
export async function content(root: string, name: string) {
  const { objects, uploads } = await bucketContent(join(root, name))
  const bytes = await Promise.all(objects.map(key => readFile(join(root, name, key), 'base64')))
  return { objects: Object.fromEntries(objects.map((key, index) => [key, bytes[index]])), uploads }
}
