import { expect, test } from 'vitest'
import { storeLocation } from '../../../coordinator/store/store-url.ts'

test.each([
  ['sqlite:/var/lib/holdfast.db', { kind: 'sqlite', path: '/var/lib/holdfast.db' }],
  ['sqlite:///var/lib/holdfast.db', { kind: 'sqlite', path: '/var/lib/holdfast.db' }],
  ['sqlite::memory:', { kind: 'sqlite', path: ':memory:' }],
  ['postgres://h@db/holdfast', { kind: 'postgres', url: 'postgres://h@db/holdfast' }],
  ['postgresql://h@db:5433/holdfast', { kind: 'postgres', url: 'postgresql://h@db:5433/holdfast' }],
])('%s says where the store is', (url, location) => {
  expect(storeLocation(url)).toEqual(location)
})

test.each([
  '',
  'holdfast.db',
  'sqlite:',
  'sqlite:relative.db',
  'mysql://u:hunter2@h/d',
  'postgres://',
  'postgres://u:hunter2@h:port/d',
])('%s is refused without printing what may be a password', url => {
  try {
    storeLocation(url)
    expect.unreachable()
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'config.invalid' })
    expect(JSON.stringify(thrown)).not.toContain('hunter2')
    expect(String(thrown)).not.toContain('hunter2')
  }
})
