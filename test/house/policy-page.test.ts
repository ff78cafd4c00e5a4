import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { settingKeys } from '../../coordinator/policy-config.ts'
import { readPolicies } from '../../coordinator/policy-text.ts'
import { policySettings } from '../../scripts/policy-page.ts'

const destinations = ['main', 'far']
const page = readFileSync(join(import.meta.dirname, '../../docs/reference/policy.md'), 'utf8')

/** The section a setting is, also where a word may stand in its place. */
function sectionOf(schema: z.ZodType): Partial<z.ZodObject> {
  const options = (schema as Partial<z.ZodUnion>).options ?? []
  return (options.find(each => typeof each === 'object' && 'shape' in each) ?? schema) as Partial<z.ZodObject>
}

/** Every setting there is, those of sections by dotted keys. */
const settings = Object.entries(settingKeys).flatMap(([key, schema]) => {
  const { shape } = sectionOf((schema as z.ZodOptional).unwrap() as z.ZodType)
  return shape === undefined ? [key] : Object.keys(shape).map(inner => `${key}.${inner}`)
})

test('every setting is on the page, and none that there is not', () => {
  expect(settings.length).toBeGreaterThan(30)
  expect(Object.keys(policySettings).sort()).toEqual([...settings].sort())
})

describe('the example of', () => {
  test.each(Object.entries(policySettings))('%s is read, and gives it', (key, { example }) => {
    const needed = /destination/.test(example) ? '' : '  destination: main\n'
    const text = `fleet:\n${needed}${example
      .split('\n')
      .map(line => `  ${line}\n`)
      .join('')}`
    const { book } = readPolicies(text, 'example', destinations)
    expect(Object.keys(book.rules[0]?.settings ?? {})).toContain(key)
  })
})

test('every document on the page is read, and has the rules it shows', () => {
  const documents = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
  const books = documents.map(text => readPolicies(text, 'page', destinations, ['chat', 'pager']).book)
  expect(books.map(each => [each.kind, each.rules.map(rule => rule.name)])).toEqual([
    ['layered', ['fleet', 'production', 'nightly in Frankfurt', 'orders-db/orders', 'orders-db/(globals)']],
    ['first-match', ['important', 'everything']],
    ['layered', ['fleet']],
    ['layered', ['fleet']],
  ])
})
