import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type PostgresServer,
  requireServers,
  run,
  type S3FaultProxy,
  type S3Server,
  startPostgres,
  startS3,
  startS3FaultProxy,
} from '../harness/index.ts'
import { launcherEnvironment } from '../harness/launcher-environment.ts'
import { projectRoot } from '../harness/project-root.ts'
import { makeDatabase } from './data.ts'
import { type Fleet, layFleet } from './fleet.ts'
import { judge } from './judgements.ts'

vi.setConfig({ testTimeout: 120_000 })

const servers = await requireServers('what an agent refuses', 'postgres', 's3', 'pv', 'zstd')

describe.skipIf(servers.missing)(
  'a backup that cannot be made says what is wrong and what to do, and leaves nothing',
  () => {
    let postgres: PostgresServer
    let s3: S3Server
    let proxy: S3FaultProxy
    let fleet: Fleet
    const restore: (() => Promise<void>)[] = []

    beforeAll(async () => {
      postgres = await startPostgres()
      s3 = await startS3()
      // Ceph minds no region: what AWS would answer is answered here
      proxy = await startS3FaultProxy(s3)
      proxy.on(
        {},
        {
          kind: 'reply',
          status: 400,
          code: 'AuthorizationHeaderMalformed',
          message: "the region 'mars-north-1' is wrong; expecting 'eu-central-1'",
        },
      )
      for (const name of ['orders', 'nobucket', 'elsewhere']) await makeDatabase(postgres, name, 1)
      const policy = (name: string, database: string, destination: string) => ({
        name,
        match: { databases: [database] },
        every: '12h',
        rpo: '26h',
        destination,
        retry: { attempts: 2, base_delay: '100ms', max_delay: '1h' },
      })
      fleet = await layFleet({
        postgres,
        s3: { server: s3 },
        policies: [
          policy('gold', 'orders', 'main'),
          policy('lost', 'nobucket', 'missing'),
          policy('far', 'elsewhere', 'region'),
        ],
        destinations: {
          missing: {
            url: 's3://there-is-no-such-bucket',
            endpoint: s3.endpoint,
            region: s3.region,
            profile: 'ceph',
          },
          region: {
            url: `s3://${await s3.createBucket()}`,
            endpoint: proxy.endpoint,
            region: 'mars-north-1',
            profile: 'ceph',
          },
        },
        // the other destinations have no credentials of their own: the usual chain
        agentEnv: s3.environment,
      })
      await fleet.start(['orders'])
    })
    afterEach(async () => {
      for (const undo of restore.splice(0)) await undo()
    })
    afterAll(async () => {
      await fleet?.[Symbol.asyncDispose]()
      await proxy?.stop()
      await postgres?.stop()
    })

    const secretFile = () => join(dirname(fleet.agent('host1').stateFolder), 'secret_access_key_file')

    /** What `holdfast job get` shows of a backup asked for by hand. */
    async function shown(database: string): Promise<string> {
      const jobId = await fleet.backUp(database)
      expect(await fleet.ended(jobId)).toMatchObject({ state: 'failed' })
      const answer = await run(join(projectRoot, 'bin', 'holdfast'), ['job', 'get', jobId], {
        env: { ...launcherEnvironment(), HOLDFAST_COORDINATOR: fleet.coordinator.address },
      })
      await judge(fleet)
      return answer.stdout
    }

    it('the bucket is missing', async () => {
      const text = await shown('nobucket')
      expect(text).toContain('object-store.bucket-missing')
      expect(text).toContain('there-is-no-such-bucket')
      expect(text).toMatch(/hint/i)
    })

    it('the bucket is denied', async () => {
      const secret = await readFile(secretFile(), 'utf8')
      await writeFile(secretFile(), 'not-the-key\n')
      restore.push(() => writeFile(secretFile(), secret))
      const text = await shown('orders')
      expect(text).toContain('object-store.denied')
      expect(text).toMatch(/hint/i)
      expect(text).not.toContain(secret.trim())
    })

    it('the file with the secret can be read by others', async () => {
      await chmod(secretFile(), 0o644)
      restore.push(() => chmod(secretFile(), 0o600))
      const text = await shown('orders')
      expect(text).toContain('secret.exposed')
      expect(text).toContain('chmod')
    })

    it('a tool is missing', async () => {
      const path = fleet.tools.paths.zstd
      const wrapper = await readFile(path)
      await rm(path)
      restore.push(async () => {
        await writeFile(path, wrapper)
        await chmod(path, 0o755)
      })
      const text = await shown('orders')
      expect(text).toContain('tool.missing')
      expect(text).toContain('zstd')
      expect(text).toMatch(/install/i)
    })

    it('the region is wrong', async () => {
      const text = await shown('elsewhere')
      expect(text).toContain('object-store.wrong-region')
      expect(text).toMatch(/hint/i)
    })

    it('and once it is mended, the next one is good', async () => {
      expect(await fleet.ended(await fleet.backUp('orders'))).toMatchObject({
        state: 'succeeded',
        attempts: 1,
      })
    })
  },
)
