import { readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLogger, openLogFile, openProcessLog } from '../../../shared/log/index.ts'
import { temporaryFolder } from '../../harness/index.ts'

const messages = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => (JSON.parse(line) as { msg: string }).msg)

test('lines are appended, not readable by everybody, and there before the process can end', async () => {
  await using folder = await temporaryFolder('log-file')
  const path = join(folder.path, 'agent.log')
  for (const message of ['one', 'two']) {
    const file = openLogFile(path)
    createLogger({ name: 'agent', level: 'info', destination: file }).info(message)
    expect(messages(path).at(-1)).toBe(message)
    file.close()
  }
  expect(messages(path)).toEqual(['one', 'two'])
  expect(statSync(path).mode & 0o007).toBe(0)
})

test('a file that was moved away goes on until it is reopened; no line is lost or written twice', async () => {
  await using folder = await temporaryFolder('log-file')
  const path = join(folder.path, 'agent.log')
  const file = openLogFile(path)
  const log = createLogger({ name: 'agent', level: 'info', destination: file })
  log.info('before')
  renameSync(path, `${path}.1`)
  log.info('moved')
  file.reopen()
  log.info('after')
  file.close()
  expect(messages(`${path}.1`)).toEqual(['before', 'moved'])
  expect(messages(path)).toEqual(['after'])
})

test('SIGHUP reopens the file of a process, and means what it always did to one without', async () => {
  await using folder = await temporaryFolder('log-file')
  const path = join(folder.path, 'agent.log')
  const listeners = process.listenerCount('SIGHUP')
  const config = { level: 'info', format: 'auto', fields: 'native' } as const
  openProcessLog('agent', config).close()
  expect(process.listenerCount('SIGHUP')).toBe(listeners)
  const opened = openProcessLog('agent', { ...config, file: path })
  opened.log.info('before')
  renameSync(path, `${path}.1`)
  process.emit('SIGHUP')
  opened.log.info('after')
  opened.close()
  expect(messages(path)).toEqual(['after'])
  expect(process.listenerCount('SIGHUP')).toBe(listeners)
})

test('a full disk ends nothing', () => {
  const file = openLogFile('/dev/full')
  const log = createLogger({ name: 'agent', level: 'info', destination: file })
  expect(() => log.info('x')).not.toThrow()
  expect(() => log.info('y')).not.toThrow()
})

test('a file that cannot be opened is refused at once, naming the key', () => {
  expect(() => openLogFile('/nowhere/at/all/agent.log')).toThrow(
    expect.objectContaining({
      code: 'config.invalid',
      context: { key: 'log.file', path: '/nowhere/at/all/agent.log' },
    }),
  )
})

test('with ECS names a line has those of the schema, and what has none there stands below holdfast', () => {
  const lines: string[] = []
  const log = createLogger({
    name: 'agent',
    level: 'info',
    format: 'json',
    fields: 'ecs',
    destination: { write: line => void lines.push(line) },
  })
  log
    .child({ job_id: 'job_1', attempt_id: 'att_1' })
    .warn('dump failed', { stored_bytes: 5, password: 'hunter2', error: new TypeError('no') })
  const { '@timestamp': at, 'error.stack_trace': stack, ...line } = JSON.parse(lines[0] ?? '{}')
  expect(at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
  expect(stack).toContain('TypeError: no')
  expect(line).toEqual({
    'log.level': 'warn',
    'ecs.version': '8.11.0',
    'service.name': 'holdfast-agent',
    'trace.id': 'job_1',
    'holdfast.job_id': 'job_1',
    'span.id': 'att_1',
    'holdfast.stored_bytes': 5,
    'holdfast.password': '[redacted]',
    'error.type': 'TypeError',
    'error.message': 'no',
    message: 'dump failed',
  })
})
