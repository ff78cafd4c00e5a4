import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Attempts } from '../../../agent/jobs/attempts.ts'
import { type Clock, systemClock } from '../../../shared/clock/index.ts'
import type { Assign, AttemptRef } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { requireServers, temporaryFolder } from '../../harness/index.ts'
import { backupToBoth, copiesWorld, copyOf, done } from './copies-world.ts'
import { newAttempt } from './world.ts'

const servers = await requireServers('shares of budgets at the agent', 'pv')

/** Time passes only where something is held back; the wait for a Start ends by its signal alone. */
function passingClock(): Clock & { passed: number } {
  const clock = {
    passed: 0,
    now: () => ({ wall: Date.now(), mono: clock.passed }),
    sleep: (duration: number, signal?: AbortSignal): Promise<void> =>
      duration === 30_000
        ? systemClock.sleep(2 ** 31 - 1, signal)
        : new Promise((resolve, reject) =>
            setImmediate(() => {
              if (signal?.aborted) return reject(signal.reason)
              clock.passed += duration
              resolve()
            }),
          ),
  }
  return clock
}

/** Does an attempt that is told of a rate once it is offered; returns how long it was held back, seconds. */
async function heldBack(
  root: string,
  assign: Assign,
  tell: (attempts: Attempts, ref: AttemptRef) => void,
): Promise<number> {
  const clock = passingClock()
  const world = { ...(await copiesWorld(root)), clock }
  const ref = assign.attempt ?? newAttempt()
  const attempts: Attempts = new Attempts({
    world,
    slots: 1,
    onResult: () => {},
    onAsked: () => {},
    send: frame => {
      if (frame.$case === 'accepted') setImmediate(() => attempts.start(ref))
      return true
    },
  })
  attempts.assign(assign)
  tell(attempts, ref)
  await attempts.idle()
  expect(world.spool.ofAttempt(ref.attemptId)).toMatchObject({ outcome: 'succeeded' })
  return clock.passed / 1_000
}

async function lay() {
  const folder = await temporaryFolder('rates')
  for (const name of ['state', 'one', 'two']) await mkdir(join(folder.path, name))
  return folder
}

describe.skipIf(servers.missing)('a share of the budgets', () => {
  it('holds a backup back, and only the attempt it is of', async () => {
    await using folder = await lay()
    const backup = () => backupToBoth(folder.path, newAttempt(), { destinations: [] })
    // 529 kB: two streams of numbers, stored as they are
    const held = await heldBack(folder.path, backup(), (attempts, ref) => attempts.setRate(ref, 50_000))
    expect(held).toBeGreaterThan(9)
    expect(held).toBeLessThan(12)
    const other = (attempts: Attempts, ref: AttemptRef) => {
      attempts.setRate({ ...ref, epoch: ref.epoch + 1 }, 50_000)
      attempts.setRate(newAttempt(), 50_000)
    }
    expect(await heldBack(folder.path, backup(), other)).toBeLessThan(1)
  })

  it('is over when it is told that nothing limits it', async () => {
    await using folder = await lay()
    const backup = backupToBoth(folder.path, newAttempt(), { destinations: [] })
    const held = await heldBack(folder.path, backup, (attempts, ref) => {
      attempts.setRate(ref, 1)
      setImmediate(() => attempts.setRate(ref, 0))
    })
    expect(held).toBeLessThan(100)
  })

  it('holds a copy back', async () => {
    await using folder = await lay()
    const made = await done(
      await copiesWorld(folder.path),
      backupToBoth(folder.path, newAttempt(), { destinations: [] }),
    )
    if (made?.manifest === undefined) throw new Error('no backup')
    const sha256 = createHash('sha256').update(Buffer.from(made.manifest, 'base64')).digest('hex')
    const held = await heldBack(folder.path, copyOf(folder.path, made, sha256), (attempts, ref) =>
      attempts.setRate(ref, 50_000),
    )
    expect(held).toBeGreaterThan(5)
  })
})
