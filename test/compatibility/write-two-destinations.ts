// Writes what agents of today leave when they are killed during a backup to two destinations, a manifest stored
// in one of them: `node write-two-destinations.ts <new folder>`. What is committed is never written again (README.md).
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { crashVariable } from '../../agent/jobs/crash-point.ts'
import type { Destination } from '../../shared/model/destination.ts'
import { openDirectoryStore } from '../../shared/object-store/directory.ts'
import { destinationToWire } from '../../shared/wire/destination.ts'
import { JobKind } from '../../shared/wire/gen/holdfast/v1/common.ts'
import { done } from '../agent/jobs/copies-world.ts'
import { fakeEngine } from '../agent/jobs/fake-engine.ts'
import { backupSpec, makeWorld } from '../agent/jobs/world.ts'
import { run } from '../harness/index.ts'

const attempt = {
  jobId: 'job_01a20000-0000-7000-8000-000000000001',
  attemptId: 'att_01a20000-0000-7000-8000-000000000002',
  epoch: 3,
}
const place = (name: string): Destination => ({
  name,
  url: `s3://${name}/prod`,
  endpoint: 'http://127.0.0.1:9',
  region: 'eu-central-1',
  profile: 'ceph',
})

async function backup(root: string): Promise<void> {
  for (const name of ['one', 'two', 'state']) await mkdir(join(root, name), { recursive: true })
  const world = await makeWorld(
    { state: join(root, 'state'), bucket: join(root, 'one') },
    {
      engine: fakeEngine({ streams: ['seq 1 500', 'seq 501 800'] }),
      openStore: async ({ name }) => openDirectoryStore(join(root, name)),
    },
  )
  const value = backupSpec('/x', {
    destination: destinationToWire(place('one')),
    destinations: [destinationToWire(place('two'))],
    minCopies: 2,
  })
  await done(world, { attempt, kind: JobKind.BACKUP, spec: { $case: 'backup', value } })
}

async function main(folder: string): Promise<void> {
  for (const [phase, point] of [
    ['completing-two', 'after-complete:2'],
    ['committing-two', 'after-manifest-read-back'],
  ] as const) {
    const root = join(folder, phase)
    await run(process.execPath, [import.meta.filename, root, 'child'], {
      env: { ...process.env, [crashVariable]: point },
      allowFailure: true,
    })
    await rm(join(root, 'state/scratch'), { recursive: true, force: true })
    // as if it had died between the two manifests
    await rm(join(root, 'two/v1/manifests'), { recursive: true, force: true })
  }
}

const [, , path = '', role] = process.argv
await (role === 'child' ? backup(path) : main(resolve(path)))
