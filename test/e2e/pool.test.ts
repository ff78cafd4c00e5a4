import { expect, test, vi } from 'vitest'
import { layStack, requireServers, startConsul, startPostgres, waitUntil } from '../harness/index.ts'

vi.setConfig({ testTimeout: 180_000 })

const servers = await requireServers('a managed database', 'consul', 'postgres', 'pv', 'zstd')

test.skipIf(servers.missing)(
  'a managed database, on whose host no agent can run, is backed up by a pool agent; without its meta it is a gap',
  async () => {
    await using postgres = await startPostgres()
    await postgres.createDatabase('orders')
    await using consul = await startConsul()
    const engine = { engine: 'postgres' }
    const managed = { name: 'orders-db', port: postgres.port, meta: engine }
    await consul.register(managed)
    const { port, user, passwordFile } = postgres
    await using stack = await layStack({
      agents: [{ name: 'pool1', pool: true, logins: [{ engine: 'postgres', port, user, passwordFile }] }],
      consul: { server: consul, services: ['orders-db'] },
    })
    await stack.start()
    type Gaps = { gaps: { reason: string; subjectName: string }[] }
    const gaps = async () => {
      const { stdout } = await stack.look('gap', 'list', '-o', 'json')
      return (JSON.parse(stdout) as Gaps).gaps ?? []
    }
    await waitUntil(async () => (await gaps()).some(each => each.reason === 'no-agent'), {
      what: 'the gap of a server nobody looks after',
      timeout: 60_000,
      interval: 200,
    })
    await consul.register({ ...managed, meta: { ...engine, 'holdfast-pool': 'any' } })
    type Backups = { backups: { databases?: unknown[]; agentHost?: string }[] }
    const done = await waitUntil(
      async () => {
        const { backups } = await stack.ask<Backups>('backup', 'list')
        return backups.length > 0 && JSON.stringify(backups).includes('orders') ? backups : undefined
      },
      { what: 'its backup', timeout: 90_000, interval: 200 },
    )
    expect(done.length).toBeGreaterThan(0)
    await waitUntil(async () => (await gaps()).length === 0, {
      what: 'no gap',
      timeout: 60_000,
      interval: 200,
    })
  },
)
