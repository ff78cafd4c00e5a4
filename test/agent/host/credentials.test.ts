import { describe, expect, it } from 'vitest'
import { agentConfigSchema } from '../../../agent/config.ts'
import { targetFrom } from '../../../agent/host/credentials.ts'
import { instance } from '../jobs/world.ts'

const entries = agentConfigSchema.parse({
  instances: [
    { match: {}, user: 'anyone' },
    { match: { engine: 'postgres' }, user: 'pg', password_file: '/pg' },
    {
      match: { engine: 'postgres', service: 'orders-db' },
      user: 'orders',
      password_file: '/orders',
      restore: { user: 'owner', password_file: '/owner' },
      tls: 'require',
    },
    { match: { service: 'orders-db', port: 6432 }, user: 'pooler' },
  ],
}).instances

describe('the login of an instance', () => {
  it('is that of the entry that says most, all of it true', () => {
    expect(targetFrom(entries, instance, 'backup')).toEqual({
      engine: 'postgres',
      host: '127.0.0.1',
      port: 5432,
      user: 'orders',
      passwordFile: '/orders',
      tls: 'require',
    })
    expect(targetFrom(entries, { ...instance, service: 'x' }, 'backup').user).toBe('pg')
    expect(targetFrom(entries, { ...instance, engine: 'mariadb', service: 'x' }, 'backup').user).toBe(
      'anyone',
    )
  })

  it('for a restore is the slot of its own, else that of the backup', () => {
    expect(targetFrom(entries, instance, 'restore')).toMatchObject({ user: 'owner', passwordFile: '/owner' })
    expect(targetFrom(entries, { ...instance, service: 'x' }, 'restore').user).toBe('pg')
  })

  it('without an entry says which instance it is', () => {
    expect(() => targetFrom([], instance, 'backup')).toThrow(
      expect.objectContaining({
        code: 'agent.no-credential',
        context: expect.objectContaining({ service: 'orders-db', port: 5432 }),
      }),
    )
  })
})
