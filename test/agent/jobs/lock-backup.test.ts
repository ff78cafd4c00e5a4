import { describe, expect, it } from 'vitest'
import { lockBackup } from '../../../agent/jobs/lock-backup.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import type { Destination } from '../../../shared/model/destination.ts'
import type { Retention } from '../../../shared/object-store/index.ts'

const locked: Destination = {
  ...{ name: 'main', url: 's3://b', profile: 'aws' },
  settings: { objectLock: { mode: 'compliance', days: 30 } },
}
const backup = { keys: ['v1/data/x', 'v1/manifests/m.json'], committedAt: Date.UTC(2026, 0, 1) }
const context = { clock: systemClock, log: silentLog }
const never = new AbortController().signal

describe('the lock of a committed backup', () => {
  it('is put on data and manifest, counted from the commit', async () => {
    const asked: { keys: readonly string[]; retention: Retention }[] = []
    const store = {
      retain: async (keys: readonly string[], retention: Retention) => {
        asked.push({ keys, retention })
      },
    }
    expect(await lockBackup(locked, backup, store, context, never)).toBeUndefined()
    expect(asked).toEqual([
      { keys: backup.keys, retention: { mode: 'compliance', until: Date.UTC(2026, 0, 31) } },
    ])
  })

  it('is not asked for where the destination says nothing of it', async () => {
    const store = { retain: () => Promise.reject(new Error('not to be called')) }
    const { settings: _, ...plain } = locked
    expect(await lockBackup(plain, backup, store, context, never)).toBeUndefined()
  })

  it('that cannot be had is a warning: the backup is good, and is not thrown away (J7)', async () => {
    const store = {
      retain: () =>
        Promise.reject(
          new AppError('object-store.unsupported', { message: 'the bucket has no Object Lock' }),
        ),
    }
    expect(await lockBackup(locked, backup, store, context, never)).toBe(
      'stored in main without its Object Lock: the bucket has no Object Lock',
    )
  })

  it('that a leaving process cuts short is left to the restart', async () => {
    const leaving = AbortSignal.abort(new AppError('interrupted'))
    const store = { retain: () => Promise.reject(new AppError('interrupted')) }
    await expect(lockBackup(locked, backup, store, context, leaving)).rejects.toMatchObject({
      code: 'interrupted',
    })
  })
})
