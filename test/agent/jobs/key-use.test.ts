import { afterAll, beforeAll, expect, test } from 'vitest'
import { conduct } from '../../../agent/jobs/conduct.ts'
import type { KeyUse } from '../../../agent/jobs/key-use.ts'
import type { Recipe } from '../../../agent/jobs/recipe.ts'
import { recover } from '../../../agent/jobs/recover.ts'
import type { AttemptVoice } from '../../../agent/jobs/surroundings.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { type TemporaryFolder, temporaryFolder } from '../../harness/index.ts'
import { fakeEngine } from './fake-engine.ts'
import { folders, makeWorld, newAttempt } from './world.ts'

let root: TemporaryFolder
beforeAll(async () => {
  root = await temporaryFolder('key-use')
})
afterAll(() => root.remove())

const use: KeyUse = { kind: 'age', key: 'age1xyz', backup_id: 'bak_1' }
const { signal } = new AbortController()
const silent = () => {}
const voice: AttemptVoice = {
  ...{
    signal,
    leaving: signal,
    progress: silent,
    touching: silent,
    uploadOpened: silent,
    uploadClosed: silent,
  },
  ...{ children: silent, grant: async () => {}, committing: silent },
}

/** A restore that opens a backup and then does something else. */
function restoring(bucket: string, then: (voice: AttemptVoice) => Promise<void>): Recipe {
  return {
    kind: 'restore',
    guarded: true,
    place: {
      destination: { name: 'main', url: `file://${bucket}`, profile: 'directory' },
      prefix: '',
      target: 'x',
    },
    subject: 'x',
    preflight: async () => {},
    run: async given => {
      await given.keyUsed?.(use)
      await then(given)
      return { kind: 'done', rawBytes: 1, storedBytes: 1 }
    },
  }
}

async function conducted(then: (voice: AttemptVoice) => Promise<void>) {
  const places = await folders(root.path)
  const world = await makeWorld(places, { engine: fakeEngine({ folder: places.server, streams: [] }) })
  const attempt = newAttempt()
  const recipe = restoring(places.bucket, then)
  const counted = () => ({ rawBytes: 0, storedBytes: 0, peakRssBytes: 0 })
  return { world, attempt, running: () => conduct({ recipe, attempt, startedAt: 1, world, voice, counted }) }
}

test('a key that opened a backup is told with the result, of a restore that failed afterwards, too', async () => {
  for (const then of [async () => {}, () => Promise.reject(new AppError('restore.failed'))]) {
    const { running } = await conducted(then)
    expect((await running())?.keys_used).toEqual([use])
  }
})

test('it stands in the journal before anything is read with it, also once children run; who starts again tells it', async () => {
  let kept: Awaited<ReturnType<typeof journalled>> = []
  const { world, running } = await conducted(async given => {
    given.children([])
    kept = await journalled()
  })
  const journalled = () => world.journal.records()
  await running()
  const [record] = kept
  if (record?.phase !== 'open') throw new Error('no open record')
  expect(record.keys_used).toEqual([use])
  const result = await recover(
    { ...record, attempt: { ...record.attempt, attempt_id: newAttempt().attemptId } },
    world,
    signal,
  )
  expect(result).toMatchObject({ outcome: 'failed', keys_used: [use] })
})
