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

  it('begins the next one when one lets it, and still waits for what is left of both', async () => {
    const begun: number[] = []
    const left = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const task = (index: number) => async (_signal: AbortSignal, letNext: () => void) => {
      begun.push(index)
      letNext()
      await left[index]?.promise
      return index
    }
    let done = false
    const all = together([task(0), task(1)], 1, never()).finally(() => {
      done = true
    })
    await new Promise(setImmediate)
    expect(begun).toEqual([0, 1])
    left[1]?.resolve()
    await new Promise(setImmediate)
    expect(done).toBe(false)
    left[0]?.resolve()
    expect(await all).toEqual([0, 1])
  })

  it('a failure of what is left of one ends those it has let begin', async () => {
    const broken = Promise.withResolvers<void>()
    let ended = false
    const first = async (_signal: AbortSignal, letNext: () => void) => {
      letNext()
      await broken.promise
    }
    const second = (signal: AbortSignal) =>
      new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended = true
          reject(signal.reason)
        })
        broken.reject(new Error('the last part'))
      })
    const third = () => Promise.reject(new Error('was begun after the failure'))
    await expect(together([first, second, third], 1, never())).rejects.toThrow('the last part')
    expect(ended).toBe(true)
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
