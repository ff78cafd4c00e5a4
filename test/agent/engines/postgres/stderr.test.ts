import { describe, expect, it } from 'vitest'
import { postgresFailure, toolFailure } from '../../../../agent/engines/postgres/failure.ts'
import { checkDumpStderr } from '../../../../agent/engines/postgres/stderr.ts'
import { findTool, majorOf, versionedFolders } from '../../../../agent/engines/postgres/tools.ts'

describe('stderr of a dump that ended with 0', () => {
  it.each([
    'pg_dump: warning: subscriptions not dumped because current user is not a superuser',
    '/usr/lib/postgresql/15/bin/pg_dump: warning: owner of function "f" appears to be invalid',
    'pg_dump: WARNING: aggregate function x could not be dumped correctly for this database version; ignored',
    'noise\npg_dump: error: something',
  ])('fails it when something is missing: %s', stderr => {
    expect(() => checkDumpStderr('000-full', stderr)).toThrow(
      expect.objectContaining({ code: 'dump.warned' }),
    )
  })

  it.each([
    '',
    'pg_dump: warning: there are circular foreign-key constraints on this table:\npg_dump: detail: x\npg_dump: hint: y\n',
  ])('passes when the dump is whole: %j', stderr => {
    expect(() => checkDumpStderr('000-full', stderr)).not.toThrow()
  })
})

describe('what went wrong', () => {
  it.each([
    [
      'pg_dump: error: connection to server at "h", port 1 failed: Connection refused',
      'database.unreachable',
    ],
    [
      'pg_dump: error: connection to server at "h", port 1 failed: FATAL:  password authentication failed for user "x"',
      'database.auth-failed',
    ],
    [
      'pg_dump: error: connection to server at "h", port 1 failed: FATAL:  database "a\nb" does not exist',
      'database.gone',
    ],
    [
      'pg_dump: error: query failed: ERROR:  canceling statement due to conflict with recovery',
      'database.conflict',
    ],
    [
      'pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout',
      'database.conflict',
    ],
    ['pg_dump: error: query failed: server closed the connection unexpectedly', 'database.conflict'],
    ['pg_dump: error: query failed: ERROR:  permission denied for table t', 'database.privilege-missing'],
    ['pg_dump: error: aborting because of server version mismatch', 'tool.too-old'],
    ['pg_restore: error: unsupported version (1.16) in file header', 'tool.too-old'],
  ])('is read off the stderr of a tool: %s', (stderr, code) => {
    expect(toolFailure(stderr, { stage: 'pg_dump' })).toMatchObject({ code, context: { stage: 'pg_dump' } })
  })

  it('stays open when nothing is known', () => {
    expect(toolFailure('pg_dump: error: out of ideas', {})).toBeUndefined()
  })

  it.each([
    ['28P01', 'database.auth-failed'],
    ['3D000', 'database.gone'],
    ['57P03', 'database.unreachable'],
    ['57P01', 'database.conflict'],
    ['42501', 'database.privilege-missing'],
    ['ECONNREFUSED', 'database.unreachable'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'database.tls-failed'],
    ['XX000', 'restore.failed'],
  ])('is read off the code %s', (code, expected) => {
    expect(postgresFailure(Object.assign(new Error('x'), { code }), {}, 'restore.failed').code).toBe(expected)
  })
})

describe('a client tool of PostgreSQL', () => {
  const context = (version: string) => ({
    scratch: '/nowhere',
    signal: new AbortController().signal,
    tools: { find: async (names: readonly string[]) => ({ name: names[0] ?? '', path: '/x', version }) },
  })

  it.each(['pg_dump (PostgreSQL) 14.9', 'pg_dump (PostgreSQL) 9.6.24', 'garbage'])(
    'is too old: %s',
    async version => {
      await expect(findTool('pg_dump', 15, context(version))).rejects.toMatchObject({ code: 'tool.too-old' })
    },
  )

  it.each(['pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', 'pg_dump (PostgreSQL) 18beta1'])(
    'will do: %s',
    async version => {
      await expect(findTool('pg_dump', 15, context(version))).resolves.toMatchObject({ version })
    },
  )

  it('is looked for in the folders of the versions, nearest first', () => {
    expect(versionedFolders(15)[0]).toBe('/usr/lib/postgresql/15/bin')
    expect(versionedFolders(15)).toContain('/usr/pgsql-18/bin')
    expect(majorOf('15.18 (Debian 15.18-0+deb12u1)')).toBe(15)
  })
})
