import { describe, expect, it } from 'vitest'
import { liesInBackup } from '../../../agent/jobs/blame.ts'
import { AppError, type ErrorCode, type ErrorContext } from '../../../shared/errors/index.ts'

const lies = (code: ErrorCode, context: ErrorContext = {}, sameLine = true) =>
  liesInBackup(new AppError(code, { context }), sameLine)

describe('whether a failed restore speaks against the backup', () => {
  it.each<[string, ErrorCode, ErrorContext]>([
    ['a part with another hash', 'backup.corrupt', {}],
    ['an object that is missing', 'backup.incomplete', {}],
    [
      'a decompressor that finds no end',
      'stage.failed',
      { stage: 'zstd', status: 1, stderr: 'premature end' },
    ],
    ['a raw stream shorter than the manifest', 'stage.bytes-lost', { to: 'the manifest', wrote_bytes: 5 }],
    [
      'SQL the server refuses',
      'stage.failed',
      { stage: 'pg_restore', status: 1, stderr: 'syntax error at "x"' },
    ],
    ['a warning of the restore tool', 'restore.failed', { warnings: ['pg_restore: error: duplicate key'] }],
  ])('it does: %s', (_, code, context) => {
    expect(lies(code, context)).toBe(true)
  })

  it.each<[string, ErrorCode, ErrorContext]>([
    ['a key that does not fit', 'encryption.identity-mismatch', {}],
    ['age with whatever complaint', 'stage.failed', { stage: 'age', status: 1, stderr: 'bad' }],
    ['a killed tool', 'stage.failed', { stage: 'pg_restore', signal: 'SIGKILL', stderr: '' }],
    ['a killed decompressor', 'stage.failed', { stage: 'zstd', signal: 'SIGKILL', stderr: '' }],
    ['a full disk', 'stage.failed', { stage: 'pg_restore', status: 1, stderr: 'No space left on device' }],
    ['an extension that is not here', 'restore.failed', { detail: 'extension "postgis" is not available' }],
    [
      'a library that is not here',
      'restore.failed',
      { warnings: ['could not access file "$libdir/x": No such file'] },
    ],
    ['a dead server', 'stage.failed', { stage: 'mysql', status: 1, stderr: 'Lost connection to server' }],
    ['a store out of reach', 'object-store.failed', {}],
    ['a meter that was killed', 'stage.bytes-lost', { to: 'the manifest', wrote_bytes: 'not reported' }],
    ['a cancel', 'job.cancelled', {}],
  ])('it does not: %s', (_, code, context) => {
    expect(lies(code, context)).toBe(false)
  })

  it('a newer server may refuse what its own would take; bytes are bytes everywhere', () => {
    const refused = { stage: 'pg_restore', status: 1, stderr: 'type "abstime" does not exist' }
    expect(lies('stage.failed', refused, false)).toBe(false)
    expect(lies('stage.failed', refused, true)).toBe(true)
    expect(lies('backup.corrupt', {}, false)).toBe(true)
  })
})
