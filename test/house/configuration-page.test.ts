import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { agentConfigSchema } from '../../agent/config.ts'
import { coordinatorConfigSchema } from '../../coordinator/config.ts'
import { agentMeanings } from '../../scripts/configuration/agent-meanings.ts'
import { coordinatorMeanings } from '../../scripts/configuration/coordinator-meanings.ts'
import { keysOf } from '../../scripts/configuration/keys.ts'
import { meaningOf, speaksFor } from '../../scripts/configuration/meaning-of.ts'
import { policySections } from '../../scripts/configuration-page.ts'
import { duration, secret } from '../../shared/config/index.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/reference/configuration.md'), 'utf8')

describe.each([
  ['coordinator', coordinatorConfigSchema, coordinatorMeanings, 140],
  ['agent', agentConfigSchema, agentMeanings, 70],
] as const)('the page of the configuration of the %s', (_, schema, meanings, least) => {
  const keys = keysOf(schema, policySections)

  test('has every key with its meaning', () => {
    expect(keys.length).toBeGreaterThan(least)
    expect(keys.filter(({ path }) => meaningOf(path, meanings) === undefined)).toEqual([])
    expect(keys.filter(({ path }) => !page.includes(`| \`${path}\` |`))).toEqual([])
  })

  test('speaks of no key that there is not', () => {
    const stale = Object.keys(meanings).filter(each => !keys.some(({ path }) => speaksFor(each, path)))
    expect(stale).toEqual([])
  })
})

test('a key says what it takes, and what it is when nobody gives it', () => {
  const schema = z.strictObject({
    every: duration({ min: 1_000 }).prefault('5m'),
    port: z.int().min(0).max(65_535).optional(),
    channels: z.record(
      z.string(),
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('mail'), to: z.array(z.string()) }),
        z.strictObject({
          kind: z.literal('hook'),
          token_file: secret(),
          tls: z.enum(['on', 'off']).prefault('on'),
        }),
      ]),
    ),
    elsewhere: z.strictObject({ key: z.string() }),
  })
  expect(keysOf(schema, ['elsewhere'])).toEqual([
    { path: 'every', takes: 'a duration such as 90s, 15m or 24h, at least 1s', usual: '`5m`' },
    { path: 'port', takes: 'number, 0 to 65535', usual: '–' },
    { path: 'channels.NAME(mail).to', takes: 'list: text', usual: 'must be given' },
    {
      path: 'channels.NAME(hook).token_file',
      takes: expect.stringContaining('secret'),
      usual: 'must be given',
    },
    { path: 'channels.NAME(hook).tls', takes: '`on`, `off`', usual: '`on`' },
  ])
})
