import { describe, expect, it } from 'vitest'
import { toolFailure } from '../../../../agent/engines/postgres/failure.ts'
import { presentable } from '../../../../agent/engines/postgres/presentable.ts'
import { complaintsOf } from '../../../../agent/engines/postgres/stderr.ts'

/** A value of somebody's row, in each test's stderr. */
const secret = 'alice@example.org'

describe('what of a tool’s stderr may be passed on', () => {
  it.each([
    [
      'a duplicate key',
      `pg_restore: error: could not execute query: ERROR:  could not create unique index "t_pkey"
DETAIL:  Key (email)=(${secret}) is duplicated.
Command was: ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (email);`,
      'pg_restore: error: could not execute query: ERROR:  could not create unique index "t_pkey"',
    ],
    [
      'a row the copy refuses',
      `pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "${secret}"
CONTEXT:  COPY t, line 3, column a: "${secret}"`,
      'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: [redacted]',
    ],
    [
      'a row over several lines',
      `pg_restore: error: COPY failed for table "t": ERROR:  new row for relation "t" violates check constraint "c"
DETAIL:  Failing row contains (1, first line
of ${secret}, last line).
${secret}`,
      'pg_restore: error: COPY failed for table "t": ERROR:  new row for relation "t" violates check constraint "c"',
    ],
    [
      'a quoted value with quotes in it',
      `ERROR:  invalid input value for enum mood: "a "relation "${secret}""`,
      'ERROR:  invalid input value for enum mood: [redacted]',
    ],
    [
      'a value in front',
      `ERROR:  value "${secret}" is out of range for type integer`,
      'ERROR:  value [redacted]',
    ],
    [
      'bytes',
      'pg_restore: error: COPY failed for table "t": ERROR:  invalid byte sequence for encoding "UTF8": 0xe9 0x72 0x20',
      'pg_restore: error: COPY failed for table "t": ERROR:  invalid byte sequence for encoding "UTF8": [redacted]',
    ],
    [
      'what a function raised',
      `pg_restore: error: could not execute query: ERROR:  no account for ${secret}
CONTEXT:  PL/pgSQL function public.f(text) line 1 at RAISE
Command was: CREATE INDEX i ON public.t USING btree (public.f(v));`,
      'pg_restore: error: could not execute query: ERROR:  [redacted]',
    ],
    ['a line nobody knows', `${secret} and more\nof it`, ''],
  ])('keeps the head and no value: %s', (_label, stderr, shown) => {
    expect(presentable(stderr)).toBe(shown)
    expect(presentable(stderr)).not.toContain(secret)
  })

  it.each([
    'pg_dump: error: connection to server at "127.0.0.1", port 5432 failed: FATAL:  password authentication failed for user "backup"',
    'pg_dump: error: query failed: ERROR:  permission denied for table t',
    'pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout',
    'pg_restore: error: could not execute query: ERROR:  relation "app.t" does not exist',
    'pg_dump: error: connection to server at "h" (10.0.0.1), port 5432 failed: FATAL:  database "x" does not exist',
  ])('keeps what a person needs: %s', line => {
    expect(presentable(line)).toBe(line)
  })

  it('passes no row on in a failure that is understood, or in a complaint of a tool that exited well', () => {
    const stderr = `pg_restore: error: COPY failed for table "t": ERROR:  deadlock detected\nDETAIL:  Key (a)=(${secret})\nCONTEXT:  COPY t, line 1: "${secret}"`
    const failure = toolFailure(stderr, { database: 'd' })
    expect(failure?.code).toBe('database.conflict')
    expect(JSON.stringify(failure?.toFailure())).not.toContain(secret)
    expect(complaintsOf(`pg_restore: warning: odd value: "${secret}"`)).toEqual([
      'pg_restore: warning: odd value: [redacted]',
    ])
  })
})
