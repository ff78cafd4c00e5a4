import { describe, expect, it } from 'vitest'
import { dialects } from '../../../../agent/engines/mysql/dialect.ts'
import { parseGrants } from '../../../../agent/engines/mysql/grants.ts'
import { missingFor, readServerFacts, replicationOf } from '../../../../agent/engines/mysql/server.ts'

describe('grants', () => {
  it('on single tables do not count: a table made tomorrow would be missing in silence', () => {
    expect(parseGrants(['GRANT SELECT ON `app`.`t` TO `u`@`%`']).on('SELECT', 'app')).toBe(false)
  })

  it('of usage and of roles give nothing', () => {
    const grants = parseGrants([
      "GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*00'",
      'GRANT `r`@`%` TO `u`@`%`',
    ])
    expect(grants.on('SELECT', 'app')).toBe(false)
    expect(grants.everywhere('SELECT')).toBe(false)
  })

  it('taken away from one database (partial revokes) do not count there', () => {
    const grants = parseGrants(['GRANT SELECT ON *.* TO `u`@`%`', 'REVOKE SELECT ON `app`.* FROM `u`@`%`'])
    expect(grants.on('SELECT', 'app')).toBe(false)
    expect(grants.on('SELECT', 'other')).toBe(true)
    expect(grants.everywhere('SELECT')).toBe(false)
  })

  it.each([
    ['app_1', 'app_1', true],
    ['app_1', 'appX1', true],
    ['app\\_1', 'appX1', false],
    ['app%', 'apples', true],
    ['a.c', 'abc', false],
    ['a``b', 'a`b', true],
  ])('on `%s`.* for %s: %s', (pattern, database, expected) => {
    expect(parseGrants([`GRANT SELECT ON \`${pattern}\`.* TO \`u\`@\`%\``]).on('SELECT', database)).toBe(
      expected,
    )
  })

  it('of all on one database do not reach what is only global', () => {
    const grants = parseGrants(['GRANT ALL PRIVILEGES ON `app`.* TO `u`@`%`'])
    expect(grants.on('TRIGGER', 'app')).toBe(true)
    expect(missingFor(grants, dialects.mariadb, 'app')).toEqual([expect.stringContaining('stored routines')])
  })

  it('that are the least for a dump leave nothing missing', () => {
    const grants = parseGrants(['GRANT SELECT, SHOW VIEW, EVENT, TRIGGER ON *.* TO `backup`@`localhost`'])
    for (const dialect of Object.values(dialects)) expect(missingFor(grants, dialect, 'any')).toEqual([])
  })
})

describe('replication', () => {
  it('without rows is a primary', () => {
    expect(replicationOf([])).toEqual({ role: 'primary' })
  })

  it('that is stopped on one source has no lag that could be told (P1)', () => {
    expect(replicationOf(['   Seconds_Behind_Master: 3', '   Seconds_Behind_Master: NULL'])).toEqual({
      role: 'replica',
    })
  })

  it('names the source it receives from, and none while it does not, or of several', () => {
    const row = (host: string, running: string) => [
      `             Master_Host: ${host}`,
      '             Master_Port: 3307',
      `        Slave_IO_Running: ${running}`,
      '   Seconds_Behind_Master: 0',
    ]
    const newer = [
      'Source_Host: db1',
      'Source_Port: 3306',
      'Replica_IO_Running: Yes',
      'Seconds_Behind_Source: 4',
    ]
    expect(replicationOf(row('db1', 'Yes'))).toEqual({
      role: 'replica',
      lagSeconds: 0,
      source: { host: 'db1', port: 3307 },
    })
    expect(replicationOf(newer)).toMatchObject({ source: { host: 'db1', port: 3306 } })
    expect(replicationOf(row('db1', 'Connecting'))).not.toHaveProperty('source')
    expect(replicationOf([...row('db1', 'Yes'), ...row('db2', 'Yes')])).not.toHaveProperty('source')
  })

  it('is as far behind as its slowest source', () => {
    expect(
      replicationOf(['*** 1. row ***', 'Seconds_Behind_Source: 3', 'Seconds_Behind_Source: 70']),
    ).toEqual({
      role: 'replica',
      lagSeconds: 70,
    })
  })
})

describe('the server', () => {
  it.each([
    ['mysql', '10.11.18-MariaDB-log'],
    ['mariadb', '8.4.3'],
  ] as const)('configured as %s is refused when it says %s', async (kind, version) => {
    const session = {
      client: { name: 'x', path: '/x', version: '' },
      run: async () => [version],
      rows: async () => [],
      close: async () => undefined,
    }
    await expect(readServerFacts(session, dialects[kind])).rejects.toMatchObject({
      code: 'database.wrong-engine',
    })
  })
})
