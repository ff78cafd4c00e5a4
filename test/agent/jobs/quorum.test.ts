import { describe, expect, it } from 'vitest'
import { quorum } from '../../../agent/jobs/quorum.ts'
import { AppError } from '../../../shared/errors/index.ts'
import type { Destination } from '../../../shared/model/destination.ts'

const places = ['a', 'b', 'c'].map(
  (name): Destination => ({ name, url: `file:///${name}`, profile: 'directory' }),
)
const never = new AbortController().signal

/** A clock that sleeps until it is woken. */
function sleeper() {
  let wake = () => {}
  let slept = 0
  return {
    wake: () => wake(),
    get slept() {
      return slept
    },
    clock: {
      now: () => ({ wall: 0, mono: 0 }),
      sleep: (duration: number) => {
        slept = duration
        return new Promise<void>(resolve => {
          wake = resolve
        })
      },
    },
  }
}

describe('doing something in k of n destinations', () => {
  it('waits for all when all are quick, in their order', async () => {
    const end = await quorum(places, async ({ name }) => name.toUpperCase(), {
      enough: 1,
      atLeast: 1,
      patience: 1,
      clock: sleeper().clock,
      signal: never,
    })
    expect([...end.done]).toEqual([
      ['a', 'A'],
      ['b', 'B'],
      ['c', 'C'],
    ])
    expect(end.givenUp).toEqual([])
  })

  it('gives up who is not done when the patience after enough are is over, and tells it to stop', async () => {
    const time = sleeper()
    const stopped: string[] = []
    const running = quorum(
      places,
      async ({ name }, signal) => {
        if (name === 'a') return name
        signal.addEventListener('abort', () => stopped.push(name))
        return new Promise<string>(() => {})
      },
      { enough: 1, atLeast: 1, patience: 5_000, clock: time.clock, signal: never },
    )
    await new Promise<void>(resolve => setImmediate(resolve))
    expect(time.slept).toBe(5_000)
    time.wake()
    const end = await running
    expect([...end.done.keys()]).toEqual(['a'])
    expect(end.givenUp.map(each => each.error.code)).toEqual(['copy.lagging', 'copy.lagging'])
    expect(stopped).toEqual(['b', 'c'])
  })

  it('goes on without those that fail while enough are left, else fails with the first cause at once', async () => {
    const failing = (names: readonly string[]) => async (destination: Destination) => {
      if (names.includes(destination.name))
        throw new AppError('object-store.denied', { context: { destination: destination.name } })
      return destination.name === 'c' ? new Promise<string>(() => {}) : destination.name
    }
    const options = { enough: 2, atLeast: 2, patience: 1, clock: sleeper().clock, signal: never }
    await expect(quorum(places, failing(['a', 'b']), options)).rejects.toMatchObject({
      code: 'object-store.denied',
      context: { destination: 'a' },
    })
    const two = places.slice(0, 2)
    await expect(quorum(two, failing([]), options)).resolves.toMatchObject({ givenUp: [] })
  })

  it('ends when its signal does, with that cause', async () => {
    const stop = new AbortController()
    const running = quorum(
      places,
      (_destination, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      { enough: 1, atLeast: 1, patience: 1, clock: sleeper().clock, signal: stop.signal },
    )
    stop.abort(new AppError('job.cancelled'))
    await expect(running).rejects.toMatchObject({ code: 'job.cancelled' })
  })
})
