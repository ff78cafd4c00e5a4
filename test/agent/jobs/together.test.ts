import { describe, expect, it } from 'vitest'
import { together } from '../../../agent/jobs/together.ts'

const never = () => new AbortController().signal

describe('several pieces of work at the same time', () => {
  it('ends all others at the first failure, and throws only when they have ended', async () => {
    const ended: string[] = []
    const slow = (name: string) => (signal: AbortSignal) =>
      new Promise<string>((_resolve, reject) => {
        signal.addEventListener('abort', () =>
          setImmediate(() => {
            ended.push(name)
            reject(new Error(`${name} was ended`))
          }),
        )
      })
    const failing = async () => {
      throw new Error('the first')
    }
    const started: string[] = []
    const late = async () => {
      started.push('late')
      return 'late'
    }
    await expect(together([slow('a'), slow('b'), failing, late], 3, never())).rejects.toThrow('the first')
    expect(ended).toEqual(['a', 'b'])
    expect(started).toEqual([])
  })

  it('does as many at once as it may, begins them in order, and gives results in order', async () => {
    let running = 0
    let most = 0
    const begun: number[] = []
    const task = (index: number) => async () => {
      begun.push(index)
      running += 1
      most = Math.max(most, running)
      for (let turn = 0; turn < 5 - index; turn++) await Promise.resolve()
      running -= 1
      return index
    }
    expect(await together([0, 1, 2, 3, 4].map(task), 2, never())).toEqual([0, 1, 2, 3, 4])
    expect(most).toBe(2)
    expect(begun).toEqual([0, 1, 2, 3, 4])
  })

  it('ends with the signal it was given', async () => {
    const stop = new AbortController()
    const task = (signal: AbortSignal) =>
      new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const done = together([task, task], 2, stop.signal)
    stop.abort(new Error('enough'))
    await expect(done).rejects.toThrow('enough')
  })
})
