import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  byteSize,
  duration,
  hostPort,
  loadConfig,
  parseYaml,
  readEnvironment,
  resolveConfig,
  secretFile,
  url,
} from '../../../shared/config/index.ts'
import { AppError } from '../../../shared/errors/index.ts'

const schema = z.strictObject({
  listen: hostPort().prefault('127.0.0.1:7400'),
  store: z
    .strictObject({
      kind: z.enum(['sqlite', 'postgres']).default('sqlite'),
      url: url(['postgresql']).optional(),
      password_file: secretFile().optional(),
    })
    .prefault({}),
  rpo: duration({ min: 60_000 }).prefault('24h'),
  part_size: byteSize().prefault('16MiB'),
  slots: z.int().min(1).max(16).default(2),
  keeper: z.boolean().default(false),
  services: z.array(z.string()).default(['postgres']),
  policies: z.array(z.strictObject({ name: z.string().min(1), every: duration() })).default([]),
  destinations: z
    .record(z.string(), z.strictObject({ url: z.string(), profile: z.string().default('aws') }))
    .default({}),
})

interface Given {
  readonly file?: string
  readonly environment?: Record<string, string>
  readonly flags?: Record<string, unknown>
}

function resolve(given: Given) {
  return resolveConfig({
    schema,
    ...(given.file === undefined
      ? {}
      : { file: { path: '/etc/c.yaml', yaml: parseYaml(given.file, 'c.yaml') } }),
    environment: given.environment ?? {},
    prefix: 'HOLDFAST_',
    flags: given.flags ?? {},
  })
}

function problems(given: Given): readonly string[] {
  try {
    resolve(given)
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown
    expect(thrown.code).toBe('config.invalid')
    expect(thrown.traits.exit).toBe(10)
    const { problems: lines } = thrown.context
    if (!Array.isArray(lines)) throw new Error('no problems in the context')
    for (const line of lines) expect(thrown.message).toContain(line)
    return lines
  }
  throw new Error('there were no problems')
}

describe('layers', () => {
  test('without anything the defaults are in effect', () => {
    const loaded = resolve({})
    expect(loaded.value).toEqual({
      listen: '127.0.0.1:7400',
      store: { kind: 'sqlite' },
      rpo: 86_400_000,
      part_size: 16_777_216,
      slots: 2,
      keeper: false,
      services: ['postgres'],
      policies: [],
      destinations: {},
    })
    expect(loaded.sources.size).toBe(0)
    expect(loaded.entries().every(entry => entry.source === 'default')).toBe(true)
  })

  test('file < environment < flags, key by key, each with its source', () => {
    const { value, sources } = resolve({
      file: 'slots: 3\nrpo: 1h\nstore:\n  kind: postgres\n  url: postgresql://file/x\n',
      environment: { HOLDFAST_SLOTS: '4', HOLDFAST_STORE__URL: 'postgresql://environment/x' },
      flags: { slots: '5', 'store.password_file': undefined },
    })
    expect(value).toMatchObject({
      slots: 5,
      rpo: 3_600_000,
      store: { kind: 'postgres', url: 'postgresql://environment/x' },
    })
    expect(Object.fromEntries(sources)).toEqual({
      slots: 'flag slots',
      rpo: 'c.yaml:2',
      'store.kind': 'c.yaml:4',
      'store.url': 'HOLDFAST_STORE__URL',
    })
  })

  test('a list replaces the list below it as a whole, sources too', () => {
    const { value, sources } = resolve({
      file: 'services:\n  - a\n  - b\n  - c\n',
      environment: { HOLDFAST_SERVICES: 'x, y' },
    })
    expect(value.services).toEqual(['x', 'y'])
    expect([...sources.values()]).toEqual(['HOLDFAST_SERVICES', 'HOLDFAST_SERVICES'])
  })

  test('variables become what the key takes: numbers, booleans, lists, sections, names', () => {
    const { value } = resolve({
      environment: {
        HOLDFAST_KEEPER: 'true',
        HOLDFAST_PARTSIZE: '32MiB',
        HOLDFAST_POLICIES: '[{"name":"daily","every":"24h"}]',
        HOLDFAST_DESTINATIONS__MAIN__URL: 's3://b/p',
        HOLDFAST_RPO: '',
        HOLDFAST_CACHE: '/somewhere',
        HOLDFAST_PROVISION: 'off',
        HOLDFAST_TEST_BROKER: 'x',
        HOLDFAST_COORDINATOR: 'c:1',
        HOLDFAST_IDENTITY: '/mine',
        HOLDFAST_TOKEN: 'not ours',
        HOLDFAST_JOIN_TOKEN: 'not ours',
        PATH: '/bin',
      },
    })
    expect(value).toMatchObject({
      keeper: true,
      part_size: 2 ** 25,
      policies: [{ name: 'daily', every: 86_400_000 }],
      destinations: { main: { url: 's3://b/p', profile: 'aws' } },
      rpo: 86_400_000,
    })
  })

  test('flags may be nested or dotted', () => {
    expect(
      resolve({ flags: { store: { kind: 'postgres' }, 'destinations.main.url': 'file:///x' } }).value,
    ).toMatchObject({
      store: { kind: 'postgres' },
      destinations: { main: { url: 'file:///x' } },
    })
  })

  test('a section whose every line is commented out is not given', () => {
    expect(resolve({ file: 'store:\n  # url: x\nslots: 3\n' }).value).toMatchObject({
      store: { kind: 'sqlite' },
      slots: 3,
    })
    expect(resolve({ file: '# nothing\n' }).value.slots).toBe(2)
  })

  test('a key called __proto__ is an unknown key like any other, and pollutes nothing', () => {
    expect(problems({ file: '__proto__:\n  admin: true\n' })).toEqual([
      expect.stringContaining('__proto__ (c.yaml:1): unknown key'),
    ])
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
    expect(
      resolve({ file: 'destinations:\n  __proto__:\n    url: x\n' }).value.destinations,
    ).not.toBeInstanceOf(Array)
  })
})

describe('problems', () => {
  test('all are told at once, each with key, source, expected form, and what was given', () => {
    expect(
      problems({
        file: [
          'rpo: 24',
          'listen: here',
          'part_sise: 1',
          'store:',
          '  kind: oracle',
          '  password: hunter2',
          'policies:',
          '  - name: ""',
          '    evry: 36h',
          '  - name: x',
          '    every: soon',
          'destinations:',
          '  main:',
          '    ur: s3://b/p',
        ].join('\n'),
        environment: { HOLDFAST_STOR__URL: 'x', HOLDFAST_SLOTS: 'many' },
        flags: { keeper: 'perhaps' },
      }),
    ).toEqual([
      'stor.url (HOLDFAST_STOR__URL): unknown variable; did you mean HOLDFAST_STORE__URL?',
      'part_sise (c.yaml:3): unknown key; did you mean part_size?',
      'store.password (c.yaml:6): secrets are given as files: use store.password_file',
      'policies.0.evry (c.yaml:9): unknown key; did you mean policies.0.every?',
      'destinations.main.ur (c.yaml:14): unknown key; did you mean destinations.main.url?',
      'listen (c.yaml:2): expected host:port such as 127.0.0.1:7400, got "here"',
      'store.kind (c.yaml:5): expected one of sqlite, postgres, got "oracle"',
      'rpo (c.yaml:1): expected a duration such as 90s, 15m or 24h, at least 1m, got 24',
      'slots (HOLDFAST_SLOTS): expected a number, got "many"',
      'keeper (flag keeper): expected true or false, got "perhaps"',
      'policies.0.name (c.yaml:8): expected string to have >=1 characters, got ""',
      'policies.0.every (not set): missing, expected a duration such as 90s, 15m or 24h',
      'policies.1.every (c.yaml:11): expected a duration such as 90s, 15m or 24h, got "soon"',
      'destinations.main.url (not set): missing, expected text; set it in the file or as HOLDFAST_DESTINATIONS__MAIN__URL',
    ])
  })

  test('a single one is told in one line', () => {
    expect(() => resolve({ flags: { slots: 99 } })).toThrow(
      'the configuration has a problem: slots (flag slots): expected number to be <=16, got 99',
    )
  })

  test('a file that is no YAML tells every broken line, and the environment is looked at all the same', () => {
    const lines = problems({ file: 'slots: 3\nslots: 4\nstore: [\n', environment: { HOLDFAST_SLOT: '1' } })
    expect(lines).toEqual([
      expect.stringMatching(/^\(c\.yaml:2\): map keys must be unique/),
      expect.stringMatching(/^\(c\.yaml:[34]\): /),
      'slot (HOLDFAST_SLOT): unknown variable; did you mean HOLDFAST_SLOTS?',
    ])
  })

  test('a file that holds a list, or aliases that blow up, are told', () => {
    expect(problems({ file: '- a\n' })).toEqual(['(c.yaml): expected keys with values'])
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'])
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(', ')}]`)
    expect(problems({ file: bomb.join('\n') })[0]).toContain('alias')
  })

  test.each([
    ['in a section', 'a: 1\nb: &b\n  c: 2\n  d: *b\n', 'x.yaml:4'],
    ['in a list', '- 1\n- &b [ *b ]\n', 'x.yaml:2'],
    ['further up', 'b: &b\n  c: &c\n    - d: *b\n', 'x.yaml:3'],
  ])(
    'an alias that refers to what it stands in, %s, has no end and is told with its line',
    (_, text, source) => {
      expect(parseYaml(text, 'x.yaml')).toEqual({
        kind: 'broken',
        problems: [{ source, message: 'an alias must not refer to what it stands in' }],
      })
      expect(parseYaml('b: &b { c: 2 }\nd: *b\n', 'x.yaml').kind).toBe('parsed')
    },
  )

  test('a URL with a password is refused without showing it', () => {
    const [line] = problems({ file: 'store:\n  url: postgresql://u:hunter2@h/d\n' })
    expect(line).toContain('without a password')
    expect(line).not.toContain('hunter2')
  })

  test('a secret given under a known secret-like key is not shown', () => {
    const strict = z.strictObject({ api_token: z.int() })
    const attempt = () =>
      resolveConfig({
        schema: strict,
        environment: { HOLDFAST_API_TOKEN: 'hunter2' },
        prefix: 'HOLDFAST_',
        flags: {},
      })
    expect(attempt).toThrow(/api_token \(HOLDFAST_API_TOKEN\): expected a number, got \[redacted\]/)
  })

  test('of a union the branch that was meant is told', () => {
    const strict = z.strictObject({
      schedule: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('interval'), every: duration() }),
        z.strictObject({ kind: z.literal('cron'), expression: z.string() }),
      ]),
    })
    const attempt = (file: string) => () =>
      resolveConfig({
        schema: strict,
        file: { path: 'c.yaml', yaml: parseYaml(file, 'c.yaml') },
        environment: {},
        prefix: 'HOLDFAST_',
        flags: {},
      })
    expect(attempt('schedule: { kind: interval, every: x }')).toThrow(
      /schedule\.every \(c\.yaml:1\): expected a duration/,
    )
    expect(attempt('schedule: { kind: never }')).toThrow(/schedule\.kind/)
    expect(attempt('schedule: { kind: interval, every: 1h }')().value).toEqual({
      schedule: { kind: 'interval', every: 3_600_000 },
    })
  })
})

describe('showing', () => {
  test('effective values are YAML that reads back as the same configuration, each with its source', () => {
    const given: Given = {
      file: 'policies:\n  - name: "on"\n    every: 36h\n  - name: "a: b # c"\n    every: 90s\ndestinations:\n  main:\n    url: s3://b/p\n',
      environment: { HOLDFAST_RPO: '90m' },
      flags: { slots: 7, 'store.password_file': '/x y' },
    }
    const loaded = resolve(given)
    const text = loaded.render()
    expect(text).toMatch(/^rpo: "?1h30m"? +# HOLDFAST_RPO$/m)
    expect(text).toMatch(/^slots: 7 +# flag slots$/m)
    expect(text).toMatch(/^ {2}- name: "on" +# c\.yaml:2$/m)
    expect(text).toMatch(/^part_size: 16MiB +# default$/m)
    expect(resolve({ file: text }).value).toEqual(loaded.value)
  })

  test('passwords in URLs and secret-like keys are redacted in both forms', () => {
    const loose = z.object({ store: z.object({ url: z.string(), token: z.string() }) })
    const loaded = resolveConfig({
      schema: loose,
      environment: { HOLDFAST_STORE__URL: 'postgresql://u:hunter2@h/d', HOLDFAST_STORE__TOKEN: 'hunter2' },
      prefix: 'HOLDFAST_',
      flags: {},
    })
    expect(loaded.value.store.token).toBe('hunter2')
    expect(loaded.render() + JSON.stringify(loaded.entries())).not.toContain('hunter2')
    expect(loaded.entries()).toContainEqual({
      key: 'store.token',
      value: '[redacted]',
      source: 'HOLDFAST_STORE__TOKEN',
    })
  })
})

describe('loading', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('reads the file it is given', async () => {
    const file = join(folder, 'agent.yaml')
    await writeFile(file, 'slots: 5\n')
    const loaded = loadConfig({ schema, file, environment: {}, prefix: 'HOLDFAST_', flags: {} })
    expect(loaded.value.slots).toBe(5)
    expect(loaded.sources.get('slots')).toBe('agent.yaml:1')
  })

  test.each(['missing.yaml', '.'])('a file that cannot be read (%s) is config.unreadable and named', name => {
    const file = join(folder, name)
    const attempt = () => loadConfig({ schema, file, environment: {}, prefix: 'HOLDFAST_', flags: {} })
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'config.unreadable', message: expect.stringContaining(file) }),
    )
  })

  test('the environment is read by prefix only', () => {
    process.env.HOLDFAST_SLOTS = '9'
    try {
      const environment = readEnvironment()
      expect(environment.HOLDFAST_SLOTS).toBe('9')
      expect(Object.keys(environment).every(name => name.startsWith('HOLDFAST_'))).toBe(true)
    } finally {
      delete process.env.HOLDFAST_SLOTS
    }
  })
})
