import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rowsAsCsv } from '../../cli/print/rows.ts'
import { yaml } from '../../cli/print/yaml.ts'
import { parseYaml } from '../../shared/config/yaml-file.ts'
import { Database, GetPlanResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Answers } from '../harness/fake-operator-service.ts'
import { holdfast as cli, now } from './holdfast.ts'

const holdfast = (argv: readonly string[], answers: Answers) => cli(argv, { answers, width: 80 })

const longName = `a-database-${'x'.repeat(52)}`
const database = Database.fromPartial({
  databaseId: 'dbs_01890a5d-ac96-774b-bcce-b302099a8057',
  name: longName,
  service: 'orders-production-db',
  engine: 'postgres',
  protection: 'breached',
  reason: 'ambiguous-agent',
})
const databases = (nextPageToken: string): Answers => ({
  listDatabases: () => ({ databases: [database], nextPageToken }),
})

const parsed = (text: string): unknown => {
  const result = parseYaml(text, 'answer')
  if (result.kind === 'broken') throw new Error(JSON.stringify(result.problems))
  return result.text.value
}

describe('-o csv', () => {
  test('a page that is not the whole says so on stderr, for no row could', async () => {
    expect(
      (await holdfast(['database', 'list', '--limit', '1', '-o', 'csv'], databases('more'))).err,
    ).toContain('--page-token more')
  })

  test('a list is a heading and a row each; no rows are the same heading', async () => {
    const { out } = await holdfast(['database', 'list', '-o', 'csv'], databases(''))
    const [heading = '', row = '', ...rest] = out.trimEnd().split('\n')
    expect(rest).toEqual([])
    expect(heading).toMatch(/^database_id,cluster_id,cluster_name,scope,name,/)
    expect(row.split(',')[heading.split(',').indexOf('name')]).toBe(longName)
    const none = await holdfast(['database', 'list', '-o', 'csv'], {
      listDatabases: () => ({ databases: [], nextPageToken: '' }),
    })
    expect(none.out).toBe(`${heading}\n`)
  })

  test('what is nested stands as JSON in its cell, what is absent is empty', () => {
    expect(
      rowsAsCsv([
        { a: 1, copies: [{ b: 'x' }] },
        { a: 2, other: '=1' },
      ]),
    ).toBe(`a,copies,other\n1,"[{""b"":""x""}]",\n2,,'=1\n`)
  })
})

describe('-o yaml', () => {
  test('any value reads back as it was, and no control character reaches the terminal', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            text: fc.oneof(
              fc.string({ unit: 'binary' }),
              fc.constantFrom('no', '1e3', '', '- a: b', '\u009b2J\n'),
            ),
            number: fc.integer(),
            flag: fc.boolean(),
            none: fc.constant(null),
            list: fc.array(fc.oneof(fc.string(), fc.record({ inner: fc.string() }), fc.array(fc.integer()))),
            empty: fc.record({}),
          }),
        ),
        rows => {
          const text = yaml({ rows })
          expect(parsed(text)).toEqual({ rows })
          // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
          expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
        },
      ),
    )
  })

  test('keys that a reader would take for something else are quoted', () => {
    expect(yaml({ no: 1, 'a: b': [] })).toBe('"no": 1\n"a: b": []')
  })

  test('a list has the names of the JSON form', async () => {
    const { out } = await holdfast(['database', 'list', '--limit', '1', '-o', 'yaml'], databases('t'))
    expect(parsed(out)).toMatchObject({
      databases: [{ database_id: database.databaseId }],
      next_page_token: 't',
    })
  })
})

describe('-o wide', () => {
  test.each([['-o', 'wide'], ['-owide'], ['--output=wide']])(
    'cuts nothing and shows ids (%s %s)',
    async (...option) => {
      const { out } = await holdfast(['database', 'list', ...option.filter(Boolean)], databases(''))
      expect(out).toContain(longName)
      expect(out).toContain(database.databaseId)
      const narrow = (await holdfast(['database', 'list'], databases(''))).out
      expect(narrow).not.toContain(longName)
      expect(narrow).not.toContain(database.databaseId)
    },
  )

  test('a picture of bars stays one that fits a screen', async () => {
    const run = { subjectName: 'a/b', startsAt: now, endsAt: now + 3_600_000, deadline: now + 7_200_000 }
    const { out, status } = await holdfast(['plan', '-o', 'wide'], {
      getPlan: () =>
        GetPlanResponse.fromPartial({ from: now, until: now + 7_200_000, runs: [run], runsTotal: 1 }),
    })
    expect(status).toBe(0)
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(200)
    expect(out).toContain('█')
  })
})
