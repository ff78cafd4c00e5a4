/**
 * Runs one backup in a process of its own, to be killed at a point of the commit protocol. argv: root, attempt as
 * JSON, `both` for two destinations.
 */
import { Attempts } from '../../../agent/jobs/attempts.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { backupToBoth, copiesWorld, done } from './copies-world.ts'
import { fakeEngine } from './fake-engine.ts'
import { backupSpec, folders, makeWorld } from './world.ts'

const [root = '', attemptText = '{}', where] = process.argv.slice(2)
const attempt = JSON.parse(attemptText)
if (where === 'both') {
  await done(await copiesWorld(root), backupToBoth(root, attempt, { minCopies: 2 }))
  process.exit(0)
}
const places = await folders(root)
const world = await makeWorld(places, {
  engine: fakeEngine({ streams: ['seq 1 50000', 'seq 50001 90000'] }),
})
const attempts: Attempts = new Attempts({
  world,
  slots: 1,
  onResult: result => console.log(result.outcome),
  onAsked: () => {},
  send: frame => {
    if (frame.$case === 'accepted') setImmediate(() => attempts.start(attempt))
    return true
  },
})
attempts.assign({
  attempt,
  kind: JobKind.BACKUP,
  spec: { $case: 'backup', value: backupSpec(places.bucket) },
})
await attempts.idle()
