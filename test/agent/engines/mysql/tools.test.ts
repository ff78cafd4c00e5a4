import { describe, expect, it } from 'vitest'
import { dialects } from '../../../../agent/engines/mysql/dialect.ts'
import { clientFailure, errorLinesOf } from '../../../../agent/engines/mysql/failure.ts'
import { checkName, quoteIdentifier, quoteLiteral } from '../../../../agent/engines/mysql/name.ts'
import { optionValue } from '../../../../agent/engines/mysql/option-file.ts'
import { checkDumpStderr } from '../../../../agent/engines/mysql/stderr.ts'
import { demandSeries, knowsSandbox, versionOf } from '../../../../agent/engines/mysql/tools.ts'

describe('versions', () => {
  it.each([
    ['10.11.18-MariaDB-0+deb12u1-log', [10, 11, 18]],
    ['5.5.5-10.6.12-MariaDB', [10, 6, 12]],
    ['9.7.4-2', [9, 7, 4]],
    ['mysqldump  Ver 9.7.4-2 for Linux on x86_64 ((Debian))', [9, 7, 4]],
    ['mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)', [5, 7, 44]],
    ['mariadb-dump  Ver 10.19 Distrib 10.11.18-MariaDB, for debian-linux-gnu (x86_64)', [10, 11, 18]],
    ['mariadb from 11.4.2-MariaDB, client 15.2 for Linux (x86_64)', [11, 4, 2]],
    ['nothing', undefined],
  ])('are read out of %s', (text, expected) => {
    expect(versionOf(text)).toEqual(expected)
  })

  it('of a tool below the series of the server are refused', () => {
    const tool = { name: 'mysqldump', path: '/x', version: 'mysqldump  Ver 8.0.40 for Linux' }
    expect(() => demandSeries(tool, '8.4.1')).toThrow(expect.objectContaining({ code: 'tool.too-old' }))
    expect(() => demandSeries(tool, '8.0.99')).not.toThrow()
  })

  it('tell which clients understand a dump that begins with the sandbox line', () => {
    const { mariadb, mysql } = dialects
    expect(knowsSandbox(mariadb, [10, 11, 7])).toBe(false)
    expect(knowsSandbox(mariadb, [10, 11, 8])).toBe(true)
    expect(knowsSandbox(mariadb, [10, 4, 99])).toBe(false)
    expect(knowsSandbox(mariadb, [11, 8, 0])).toBe(true)
    expect(knowsSandbox(mysql, [5, 7, 0])).toBe(true)
  })
})

describe('stderr', () => {
  const dashes = '-'.repeat(14)
  it.each([
    [
      "ERROR 1062 (23000) at line 3: Duplicate entry 'secret' for key 'PRIMARY'",
      'Duplicate entry [redacted]',
    ],
    ["ERROR 1064 (42000) at line 3: You have an error … near 'secret' at line 1", 'near [redacted]'],
    ["ERROR 1366 (22007) at line 3: Incorrect integer value: 'secret' for column", 'value: [redacted]'],
    ['ERROR 1644 (45000) at line 3: secret', 'line 3: [redacted]'],
    ["ERROR 9999 (HY000) at line 3: what a newer server may say: 'secret'", 'may say: [redacted]'],
    ["ERROR 1146 (42S02) at line 3: Table 'd.nowhere' doesn't exist", "Table 'd.nowhere' doesn't exist"],
  ])('is shown without values: %s', (line, shown) => {
    const lines = errorLinesOf(`${dashes}\nINSERT …\nERROR 1045 (28000): secret\n${dashes}\n\n${line}\n`)
    expect(lines).toContain(shown)
    expect(lines).not.toContain('secret')
  })

  it('is not taken for an error that stands in the statement which the client repeats', () => {
    const stderr = `${dashes}\nVALUES ('\nERROR 1045 (28000): x')\n${dashes}\n\nERROR 1146 (42S02) at line 3: Table …\n`
    expect(clientFailure(stderr, {})).toBeUndefined()
  })

  it.each([
    "mysqldump: Error: 'Access denied; you need the PROCESS privilege' when trying to dump tablespaces",
    "mysqldump: Couldn't execute 'SHOW FIELDS': x (1146)",
    'Warning: something is not in the dump',
  ])('of a dump that ended with 0 fails it: %s', stderr => {
    expect(() => checkDumpStderr('000-full', stderr)).toThrow(
      expect.objectContaining({ code: 'dump.warned' }),
    )
  })

  it('of an older tool that does not know a loose option is no complaint', () => {
    expect(() =>
      checkDumpStderr('s', "mysqldump: [Warning] unknown variable 'loose-init-command=x'.\n"),
    ).not.toThrow()
  })

  it.each([
    ["ERROR 1045 (28000): Access denied for user 'x'@'h' (using password: YES)", 'database.auth-failed'],
    ['mysqldump: Got error: 1049: "Unknown database \'x\'" when selecting the database', 'database.gone'],
    [
      'mariadb-dump: Error 2013: Lost connection to server during query when dumping table `t` at row: 1',
      'database.conflict',
    ],
    [
      "mysqldump: Couldn't execute 'show events': Access denied for user 'x' to database 'y' (1044)",
      'database.privilege-missing',
    ],
    ["ERROR 2002 (HY000): Can't connect to server on '127.0.0.1' (115)", 'database.unreachable'],
    [
      'ERROR 2026 (HY000): TLS/SSL error: SSL is required, but the server does not support it',
      'database.tls-failed',
    ],
  ])('tells what went wrong: %s', (stderr, code) => {
    expect(clientFailure(stderr, {})?.code).toBe(code)
  })

  it('passes on no statement, which may hold a row of data', () => {
    const stderr =
      "--------------\nINSERT INTO t VALUES ('secret')\n--------------\n\nERROR 1146 (42S02) at line 2: no table\n"
    expect(errorLinesOf(stderr)).toBe('ERROR 1146 (42S02) at line 2: no table')
  })
})

describe('names and values', () => {
  it.each([
    ['empty', ''],
    ['with a NUL', 'a\0'],
    ['outside the Basic Multilingual Plane', '😀'],
    ['of 65 characters', 'x'.repeat(65)],
  ])('a name that is %s is refused', (_label, name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'database.name-unsupported' }))
  })

  it('are quoted for SQL and for option files', () => {
    expect(quoteIdentifier('a`b')).toBe('`a``b`')
    expect(quoteLiteral("it's")).toBe("_utf8mb4 X'69742773'")
    expect(optionValue('a#"b\\ c\t')).toBe('"a#\\"b\\\\ c\\t"')
  })
})
