import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineFor } from '../../agent/engines/index.ts'
import { createToolFinder } from '../../agent/process/index.ts'
import { type PostgresServer, requireServers, run, startPostgres, temporaryFolder } from '../harness/index.ts'

const servers = await requireServers('the backup role on PostgreSQL 18', 'postgres18')

describe.skipIf(servers.missing)('the backup role on PostgreSQL 18', () => {
  let pg: PostgresServer
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let role: Awaited<ReturnType<PostgresServer['createRole']>>
  beforeAll(async () => {
    pg = await startPostgres({ version: 18 })
    folder = await temporaryFolder('role-18')
    await pg.createDatabase('orders')
    await pg.psql(
      'CREATE TABLE t (a int); INSERT INTO t VALUES (1); ALTER TABLE t ENABLE ROW LEVEL SECURITY; SELECT lo_from_bytea(0, $$x$$)',
      'orders',
    )
    role = await pg.createRole('holdfast_backup', 'BYPASSRLS IN ROLE pg_read_all_data')
  })
  afterAll(() => Promise.all([pg?.stop(), folder?.remove()]))

  test('lacks nothing, and what it lacks is named', async () => {
    const lacks = async () => {
      const { host, port, bin } = pg
      const { missingPrivileges } = await engineFor('postgres').probe(
        { engine: 'postgres', host, port, user: role.user, passwordFile: role.passwordFile },
        {
          ...{ scratch: folder.path, signal: new AbortController().signal },
          tools: createToolFinder({ folders: [bin] }),
        },
      )
      return missingPrivileges
    }
    expect(await lacks()).toEqual([])
    await pg.psql('REVOKE pg_read_all_data FROM holdfast_backup')
    expect(await lacks()).toEqual(['membership in pg_read_all_data'])
    await pg.psql('GRANT pg_read_all_data TO holdfast_backup')
  })

  test('can dump everything, rows behind row security and large objects too, and change nothing', async () => {
    const dumped = async () =>
      run(join(pg.bin, 'pg_dump'), ['-h', pg.host, '-p', String(pg.port), '-U', role.user, '-d', 'orders'], {
        env: { ...process.env, PGPASSWORD: await passwordOf(role.passwordFile) },
        allowFailure: true,
      })
    expect((await dumped()).stderr).toContain('permission denied for large object')
    await pg.psql('ALTER ROLE holdfast_backup SET lo_compat_privileges = on')
    const dump = await dumped()
    expect(dump.code, dump.stderr).toBe(0)
    expect(dump.stdout).toContain('COPY public.t (a)')
    for (const sql of ['INSERT INTO t VALUES (1)', 'DROP TABLE t', 'CREATE TABLE u (a int)', 'CREATE ROLE r'])
      await expect(pg.psql(`SET ROLE holdfast_backup; ${sql}`, 'orders'), sql).rejects.toThrow(
        /permission denied|must be owner/,
      )
  })
})

async function passwordOf(file: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  return (await readFile(file, 'utf8')).trim()
}
