/** Runs one backup in a process of its own, to be killed at a point of the commit protocol. argv: root, attempt as JSON. */
import { Attempts } from '../../../agent/jobs/attempts.ts'
import { JobKind } from '../../../shared/wire/gen/holdfast/v1/common.ts'
import { fakeEngine } from './fake-engine.ts'
import { backupSpec, folders, makeWorld } from './world.ts'

const [root = '', attemptText = '{}'] = process.argv.slice(2)
const attempt = JSON.parse(attemptText)
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
