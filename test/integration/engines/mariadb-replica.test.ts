import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineFor } from '../../../agent/engines/index.ts'
import type { InstanceTarget } from '../../../agent/engines/port.ts'
import {
  type MariadbServer,
  requireServers,
  startMariadb,
  type TemporaryFolder,
  temporaryFolder,
  waitUntil,
} from '../../harness/index.ts'
import { contextIn } from './round-trip.ts'

const servers = await requireServers('the MariaDB engine on a replica', 'mariadb')
const mariadb = engineFor('mariadb')

describe.skipIf(servers.missing)('the MariaDB engine on a replica', () => {
  let primary: MariadbServer
  let replica: MariadbServer
  let folder: TemporaryFolder
  let target: InstanceTarget

  beforeAll(async () => {
    folder = await temporaryFolder('engine-mariadb-replica')
    primary = await startMariadb()
    replica = await startMariadb({ settings: { 'server-id': '77', 'read-only': 'ON' } })
    target = {
      engine: 'mariadb',
      host: replica.host,
      port: replica.port,
      user: replica.user,
      passwordFile: replica.passwordFile,
    }
    await replica.sql(
      `CHANGE MASTER TO master_host = '${primary.host}', master_port = ${primary.port}, master_user = '${primary.user}',
         master_password = '${primary.password}', master_use_gtid = slave_pos;
       SET GLOBAL gtid_slave_pos = '${await primary.sql('SELECT @@gtid_binlog_pos')}'; START SLAVE`,
    )
    await primary.createDatabase('replicated')
    await waitUntil(async () => (await replica.sql('SHOW DATABASES')).includes('replicated'), {
      what: 'the database to arrive',
    })
  })
  afterAll(async () => {
    await replica?.stop()
    await primary?.stop()
    await folder?.remove()
  })

  const context = () => contextIn(folder.path, { bin: replica.bin })
  const openDump = async (at: InstanceTarget) =>
    mariadb.openDump(at, { scope: 'database', name: 'replicated' }, await context())

  it('is known as one, with its lag', async () => {
    expect(await mariadb.probe(target, await context())).toMatchObject({
      role: 'replica',
      replicationLagMs: 0,
    })
  })

  it('dates the data before its clock (P1)', async () => {
    const now = async () => Number(await replica.sql('SELECT FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000)'))
    const session = await openDump(target)
    expect(session.dataAsOf).toBeLessThanOrEqual((await now()) - 1_000)
    expect(session.position).toEqual({ kind: 'gtid', value: expect.stringMatching(/^\d+-\d+-\d+/) })
  })

  it('is not dumped by a role that may not ask how far behind it is', async () => {
    const blind = await primary.createUser('blind', 'SELECT, SHOW VIEW, TRIGGER, EVENT ON *.*')
    await waitUntil(async () => (await replica.sql('SELECT user FROM mysql.user')).includes('blind'), {
      what: 'the user to arrive',
    })
    await expect(openDump({ ...target, ...blind })).rejects.toMatchObject({
      code: 'database.privilege-missing',
    })
  })

  it('is not dumped while replication is stopped: the age of its data is unknown (P1)', async () => {
    await replica.sql('STOP SLAVE')
    await expect(openDump(target)).rejects.toMatchObject({ code: 'database.replication-stopped' })
    expect((await mariadb.probe(target, await context())).role).toBe('replica')
  })
})
