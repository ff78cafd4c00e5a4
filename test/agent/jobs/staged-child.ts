/**
 * Makes a staged backup with a staging folder on a file system that may be too small; says on stdout how it ended
 * and what is left there. Arguments: folder of the test, staging root.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { conducted, stagingIn } from './conducted.ts'
import { fakeEngine } from './fake-engine.ts'
import { backupSpec, bucketContent, folders, makeWorld } from './world.ts'

async function main(root: string, disk: string): Promise<void> {
  const places = await folders(root)
  const world = await makeWorld(places, {
    staging: stagingIn(disk),
    engine: fakeEngine({ streams: ['head -c 40000000 /dev/urandom; echo "-- done"'] }),
  })
  const { result } = await conducted(backupSpec(places.bucket, { strategy: 'staged' }), world)
  process.stdout.write(
    JSON.stringify({
      failure: result.failure,
      debris: result.debris,
      left: readdirSync(join(disk, 'staging')),
      bucket: await bucketContent(places.bucket),
    }),
  )
}

await main(process.argv[2] ?? '', process.argv[3] ?? '')
