import { describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import {
  createLogger,
  isSecretKey,
  type LogLevel,
  redact,
  redactText,
  silentLog,
} from '../../../shared/log/index.ts'

function recorded(level: LogLevel = 'debug', format: 'json' | 'pretty' = 'json') {
  const lines: string[] = []
  const log = createLogger({
    name: 'agent',
    level,
    format,
    destination: { write: line => void lines.push(line) },
  })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> }
}

describe('log', () => {
  test('a line is one JSON object with level, time, name, message and fields', () => {
    const { log, lines, last } = recorded()
    log.info('dump started', { database: 'orders\nshop' })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^[^\n]*\n$/)
    expect(last()).toMatchObject({
      level: 'info',
      name: 'agent',
      msg: 'dump started',
      database: 'orders\nshop',
    })
    expect(String(last().time)).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
  })

  test('lines below the level are not written, and silent writes none', () => {
    const { log, lines } = recorded('warn')
    log.info('no')
    log.warn('yes')
    expect(lines).toHaveLength(1)
    const silent = recorded('silent')
    silent.log.error('no')
    silentLog.child({}).error('no')
    expect(silent.lines).toEqual([])
  })

  test('a child carries its fields, and its child both', () => {
    const { log, last } = recorded()
    log.child({ job_id: 'job_1' }).child({ attempt_id: 'att_1' }).info('x')
    expect(last()).toMatchObject({ job_id: 'job_1', attempt_id: 'att_1' })
  })

  test('secrets are redacted by key at any depth, in children too, and passwords inside URLs everywhere', () => {
    const { log, lines } = recorded()
    const secret = 'hunter2'
    log.child({ token: secret }).info(`connect to postgresql://u:${secret}@h/d`, {
      password: secret,
      nested: [{ secretAccessKey: secret, deep: { 'x-consul-token': secret } }],
      url: `https://u:${secret}@h/?X-Amz-Signature=${secret}&a=1`,
      error: new AppError('database.auth-failed', {
        message: `no login at postgresql://u:${secret}@h`,
        context: { pgpassword: secret, password: secret },
        cause: new Error(`https://u:${secret}@h`),
      }),
    })
    expect(lines.join('')).not.toContain(secret)
    expect(lines.join('')).toContain('[redacted]')
  })

  test('an error shows code, context and its cause chain, other errors their stack', () => {
    const { log, last } = recorded()
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    log.error('no', { error: new AppError('database.unreachable', { context: { host: 'h' }, cause }) })
    expect(last().error).toMatchObject({
      code: 'database.unreachable',
      context: { host: 'h' },
      cause: { message: 'refused', code: 'ECONNREFUSED' },
    })
    log.error('no', { error: new Error('boom') })
    expect(JSON.stringify(last().error)).toContain('log.test.ts')
    log.error('no', { error: 'a string' })
    expect(last().error).toEqual({ message: 'a string' })
  })

  test('what JSON cannot hold does not throw: cycles, big numbers, bytes, endless depth', () => {
    const { log, last } = recorded()
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    log.info('odd', {
      cycle,
      big: 10n ** 20n,
      bytes: new Uint8Array(3),
      map: new Map([['a', 1]]),
      nothing: undefined,
    })
    expect(last()).toMatchObject({ big: '100000000000000000000', bytes: '[3 bytes]', map: { a: 1 } })
  })

  test('pretty lines are for people and redact the same', () => {
    const { log, lines } = recorded('debug', 'pretty')
    log.warn('disk is filling', { free: '1 GB', password: 'hunter2', n: 3 })
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} warn {2}disk is filling free="1 GB" password="\[redacted\]" n=3\n$/,
    )
  })
})

describe('what counts as a secret', () => {
  test.each([
    'password',
    'PGPASSWORD',
    'dbPassword',
    'consul_token',
    'AWS_SECRET_ACCESS_KEY',
    'secretAccessKey',
    'api-key',
    'authorization',
    'private_key',
  ])('%s does', key => expect(isSecretKey(key)).toBe(true))
  test.each([
    'password_file',
    'passwordFile',
    'token_path',
    'accessKeyId',
    'access_key_id',
    'page_token',
    'key',
    'monkey',
    'tokens_total_count',
    'database',
    'secret_name',
  ])('%s does not', key => expect(isSecretKey(key)).toBe(false))

  test('text without a URL, and a URL without a password, stay as they are', () => {
    for (const text of ['a:b@c', 'https://h:80/p?x=1', 'postgresql://user@host/db', 's3://bucket/a@b'])
      expect(redactText(text)).toBe(text)
  })

  test('an age identity is never shown, wherever it stands; recipients are', () => {
    expect(redactText('age: AGE-SECRET-KEY-1QQPZRY9X8 at https://u:p@h, age1qqpzry')).toBe(
      'age: [redacted] at https://u:[redacted]@h, age1qqpzry',
    )
  })

  test('a flag that only says whether there is a secret is shown', () => {
    expect(redact({ password: true, token: undefined })).toEqual({ password: true, token: undefined })
  })
})
