import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { compareFacts } from '../../demo/compare/difference.ts'
import { compareMariadb } from '../../demo/compare/mariadb.ts'
import { comparePostgres } from '../../demo/compare/postgres.ts'
import { fillMariadb } from '../../demo/data/mariadb.ts'
import { fillPostgres, postgresEnvironment } from '../../demo/data/postgres.ts'
import {
  type MariadbServer,
  type PostgresServer,
  requireServers,
  run,
  startMariadb,
  startPostgres,
} from '../harness/index.ts'

const scale = 0.01

test('two databases without a table are not called the same', () => {
  expect(compareFacts({ tables: [], others: [] }, { tables: [], others: [] }).differences).toEqual([
    'there is no table to compare',
  ])
})

const postgres = await requireServers('demo: PostgreSQL data and comparison', 'postgres')
describe.skipIf(postgres.missing)('the PostgreSQL comparison', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('shop')
    await fillPostgres(server, 'shop', scale)
  })
  afterAll(() => server?.stop())

  const compare = (copy: string) => comparePostgres({ server, database: 'shop' }, { server, database: copy })
  const copyOf = async (name: string) => {
    await server.psql(`CREATE DATABASE ${name} TEMPLATE shop`)
    return name
  }

  test('finds a dumped and restored copy the same', async () => {
    await server.createDatabase('restored')
    const pipe = '"$BIN"/pg_dump -Fc -Z0 | "$BIN"/pg_restore --exit-on-error -d restored'
    await run('sh', ['-c', pipe], { env: { ...postgresEnvironment(server, 'shop'), BIN: server.bin } })
    const { tables, rows, differences } = await compare('restored')
    expect(differences).toEqual([])
    expect(tables).toBeGreaterThanOrEqual(13)
    expect(rows).toBeGreaterThan(10_000)
  })

  const lines = (rows: number, other: number) => [
    expect.stringMatching(
      `^table sales.lines: ${rows} rows with sum .* in the first, ${other} rows with sum`,
    ),
  ]
  test.for([
    [
      'a changed value',
      'UPDATE sales.lines SET amount = amount + 1 WHERE order_id = 5 AND position = 1',
      lines(9000, 9000),
    ],
    ['a lost row', 'DELETE FROM sales.lines WHERE order_id = 5 AND position = 1', lines(9000, 8999)],
    [
      'two values that changed places',
      'UPDATE sales.lines SET amount = 3 - amount WHERE order_id IN (4, 5) AND position = 1',
      lines(9000, 9000),
    ],
    [
      'a lost row of a table without columns',
      'DELETE FROM "Lager & Versand".nothing WHERE ctid = \'(0,1)\'',
      [expect.stringMatching('^table "Lager & Versand".nothing: 5 rows .* 4 rows')],
    ],
    [
      'a byte of a large object',
      `SELECT lo_put(sound, 7, 'x') FROM crm.recordings LIMIT 1`,
      [expect.stringMatching('^large objects')],
    ],
    [
      'a sequence behind',
      `SELECT setval('sales.invoice', 4237)`,
      [expect.stringMatching('^sequence sales.invoice')],
    ],
    [
      'a missing index',
      'DROP INDEX catalog.products_listed',
      ['index catalog.products_listed: missing in the second'],
    ],
    [
      'a missing trigger',
      'DROP TRIGGER refuse_old ON crm.events',
      ['trigger crm.events refuse_old: missing in the second'],
    ],
    [
      'a materialised view that was filled',
      'REFRESH MATERIALIZED VIEW analytics.later',
      [expect.stringMatching('^materialised view analytics.later')],
    ],
  ] as const)('sees %s', async ([, change, expected]) => {
    const copy = await copyOf('changed')
    try {
      await server.psql(change, copy)
      expect((await compare(copy)).differences).toEqual(expected)
    } finally {
      await server.psql('DROP DATABASE changed WITH (FORCE)')
    }
  })
})

const mariadb = await requireServers('demo: MariaDB data and comparison', 'mariadb')
describe.skipIf(mariadb.missing)('the MariaDB comparison', () => {
  let server: MariadbServer
  beforeAll(async () => {
    server = await startMariadb()
    await server.createDatabase('library')
    await fillMariadb(server, 'library', scale)
  })
  afterAll(() => server?.stop())

  test('finds a dumped and restored copy the same, and sees what was changed in it', async () => {
    await server.createDatabase('copy')
    const login = `--defaults-extra-file="$FILE" --host=${server.host} --port=${server.port} --protocol=tcp`
    const dump = `"$BIN"/mariadb-dump ${login} --single-transaction --routines --events --hex-blob library`
    const env = { ...process.env, BIN: server.bin, FILE: server.optionFile }
    await run('sh', ['-c', `${dump} | "$BIN"/mariadb ${login} copy`], { env })
    const compare = () => compareMariadb({ server, database: 'library' }, { server, database: 'copy' })
    expect(await compare()).toMatchObject({ tables: 6, rows: 120 + 200 + 2000 + 3 + 2, differences: [] })

    await server.sql('UPDATE books SET weight = weight + 0.25 WHERE id = 3', 'copy')
    await server.sql(
      'DELETE FROM covers WHERE book = 1; UPDATE readers SET `e-mail` = "NULL" WHERE `e-mail` IS NULL LIMIT 1',
      'copy',
    )
    await server.sql('DROP EVENT forget_old; DROP PROCEDURE give_back; CREATE TABLE extra (id INT)', 'copy')
    expect((await compare()).differences.map(line => line.replace(/:.*/, '')).sort()).toEqual([
      'column extra id',
      'event forget_old',
      'options of extra',
      'procedure give_back',
      'table books',
      'table covers',
      'table extra',
      'table readers',
    ])
  })
})
