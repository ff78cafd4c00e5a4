import { describe, expect, it } from 'vitest'
import { parseAclEntry } from '../../../../agent/engines/postgres/acl.ts'
import { createStatement, replayStatements } from '../../../../agent/engines/postgres/replay.ts'
import type { DatabaseSettings } from '../../../../shared/model/manifest.ts'

const settings: DatabaseSettings = {
  encoding: 'UTF8',
  collation: 'C',
  ctype: 'C',
  locale_provider: 'libc',
  owner: 'owner',
  acl: [],
  settings: [],
}
const surroundings = {
  serverMajor: 17,
  hasRole: (role: string) => role !== 'absent',
  restorer: 'postgres',
  ownership: 'keep' as const,
}

describe('a database ACL', () => {
  it.each(['', 'alice', 'alice=X/postgres', 'alice=C/', '"open=C/x'])(
    'is refused when it cannot be read: %j',
    text => {
      expect(parseAclEntry(text)).toBeUndefined()
      expect(() => replayStatements('db', { ...settings, acl: [text] }, surroundings)).toThrow(
        expect.objectContaining({ code: 'manifest.invalid' }),
      )
    },
  )

  it('is read in the form of the server, quotes and grant options included', () => {
    expect(parseAclEntry('=Tc/postgres')).toMatchObject({ grantee: '', grantor: 'postgres' })
    expect(parseAclEntry('"a=b/""c"=C*c/"x/y"')).toEqual({
      grantee: 'a=b/"c',
      grantor: 'x/y',
      privileges: [
        { name: 'CREATE', grantable: true },
        { name: 'CONNECT', grantable: false },
      ],
    })
  })

  it('is brought about from nothing, the own grants of the owner first', () => {
    const acl = ['bob=c/alice', 'alice=c*/owner', 'absent=C/owner', 'owner=CTc/owner']
    expect(replayStatements('db', { ...settings, acl }, surroundings)).toEqual([
      'ALTER DATABASE "db" OWNER TO "owner"',
      'REVOKE ALL ON DATABASE "db" FROM PUBLIC',
      'REVOKE ALL ON DATABASE "db" FROM "owner"',
      'GRANT CONNECT ON DATABASE "db" TO "alice" WITH GRANT OPTION',
      'GRANT CREATE, TEMPORARY, CONNECT ON DATABASE "db" TO "owner"',
      'SET SESSION AUTHORIZATION "alice"',
      'GRANT CONNECT ON DATABASE "db" TO "bob"',
      'RESET SESSION AUTHORIZATION',
    ])
  })
})

describe('the settings of a database', () => {
  const one = (name: string, value: string, role = '') =>
    replayStatements(
      'db',
      { ...settings, owner: 'postgres', settings: [{ name, value, role }] },
      surroundings,
    ).at(-1)

  it('keep lists of names lists', () => {
    expect(one('search_path', 'app, "Odd ""x, y", public')).toBe(
      `ALTER DATABASE "db" SET "search_path" TO 'app', 'Odd "x, y', 'public'`,
    )
    expect(one('search_path', '')).toBe(`ALTER DATABASE "db" SET "search_path" TO ''`)
  })

  it('keep everything else one value', () => {
    expect(one('my.setting', "a, b='c'")).toBe(`ALTER DATABASE "db" SET "my"."setting" TO 'a, b=''c'''`)
  })

  it('of a role that is not there are left out', () => {
    expect(one('work_mem', '1MB', 'reader')).toBe(
      `ALTER ROLE "reader" IN DATABASE "db" SET "work_mem" TO '1MB'`,
    )
    expect(one('work_mem', '1MB', 'absent')).not.toContain('work_mem')
  })

  it('without owners give nothing to any role', () => {
    const all = {
      ...settings,
      acl: ['bob=c/owner'],
      settings: [{ name: 'work_mem', value: '1MB', role: 'bob' }],
    }
    expect(replayStatements('db', all, { ...surroundings, ownership: 'discard' })).toEqual([])
  })
})

describe('CREATE DATABASE', () => {
  it('speaks of locale providers only where the server knows them', () => {
    expect(createStatement('db', settings, 14)).toBe(
      `CREATE DATABASE "db" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
    )
    expect(
      createStatement('db', { ...settings, locale_provider: 'icu', icu_locale: 'de', icu_rules: '&a<b' }, 16),
    ).toBe(
      `CREATE DATABASE "db" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER 'icu' LC_COLLATE 'C' LC_CTYPE 'C' ICU_LOCALE 'de' ICU_RULES '&a<b'`,
    )
    expect(
      createStatement('db', { ...settings, locale_provider: 'builtin', builtin_locale: 'C.UTF-8' }, 17),
    ).toContain(`LOCALE_PROVIDER 'builtin' LC_COLLATE 'C' LC_CTYPE 'C' BUILTIN_LOCALE 'C.UTF-8'`)
  })
})
