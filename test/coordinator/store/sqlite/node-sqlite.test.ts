import { expect, test } from 'vitest'
import { nodeSqlite } from '../../../../coordinator/store/sqlite/node-sqlite.ts'
import { temporaryFolder } from '../../../harness/index.ts'

test('a value that node:sqlite would store as something else is refused, and nothing is written', () => {
  const db = nodeSqlite(':memory:', { readOnly: false })
  db.prepare('create table t (a text, b text)').run([])
  const insert = db.prepare('insert into t values (?, ?)')
  for (const bad of [new Date(0), { a: 1 }, undefined, true, Symbol('x'), () => 1])
    expect(() => insert.run([bad, 'B']), String(typeof bad)).toThrow(/cannot bind/)
  expect(db.prepare('select count(*) as n from t').all([])).toEqual([{ n: 0 }])
  db.close()
})

test('foreign keys hold, writes go to a write-ahead log, every commit is synced', async () => {
  await using folder = await temporaryFolder('sqlite')
  const db = nodeSqlite(`${folder.path}/x.db`, { readOnly: false })
  const pragma = (name: string) => Object.values(db.prepare(`pragma ${name}`).all([])[0] ?? {})[0]
  expect(pragma('journal_mode')).toBe('wal')
  expect(pragma('synchronous')).toBe(2)
  expect(pragma('foreign_keys')).toBe(1)
  expect(pragma('wal_autocheckpoint')).toBe(20_000)
  db.close()
})

test('a read-only connection cannot write', async () => {
  await using folder = await temporaryFolder('sqlite')
  const path = `${folder.path}/x.db`
  const db = nodeSqlite(path, { readOnly: false })
  db.prepare('create table t (a text)').run([])
  const reader = nodeSqlite(path, { readOnly: true })
  expect(() => reader.prepare('insert into t values (1)').run([])).toThrow(/readonly/)
  reader.close()
  db.close()
})

test('the statement cache is bounded: more texts than it holds still work, old ones too', () => {
  const db = nodeSqlite(':memory:', { readOnly: false })
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 1_200; i++) expect(db.prepare(`select ${i} as n`).all([])).toEqual([{ n: i }])
  db.close()
})
