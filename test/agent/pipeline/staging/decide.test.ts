import { describe, expect, it } from 'vitest'
import { decideStrategy, type StrategyFacts } from '../../../../agent/pipeline/staging/decide.ts'

const gib = 2 ** 30

function facts(changes: Partial<StrategyFacts>): StrategyFacts {
  return {
    asked: 'staged',
    codec: 'zstd',
    predictedRawBytes: 40 * gib,
    predictedStoredBytes: 10 * gib,
    freeBytes: 100 * gib,
    promisedBytes: 0,
    reserveBytes: 2 * gib,
    ...changes,
  }
}

describe('how bytes reach the store', () => {
  it('is straight, unless a policy asks for more: whatever there is room for', () => {
    expect(decideStrategy(facts({ asked: 'streaming' }))).toEqual({
      strategy: 'streaming',
      reason: 'default',
    })
  })

  it('is over the disk only where more than twice the prediction is free above the floor', () => {
    expect(decideStrategy(facts({ freeBytes: 22 * gib + 1 }))).toMatchObject({
      strategy: 'staged',
      reason: 'asked',
      space: { neededBytes: 22 * gib, missingBytes: 0 },
    })
    expect(decideStrategy(facts({ freeBytes: 22 * gib }))).toMatchObject({
      strategy: 'refused',
      reason: 'low-space',
      space: { neededBytes: 22 * gib, missingBytes: 1 },
    })
  })

  it('says how much is missing, and counts what others were promised', () => {
    expect(decideStrategy(facts({ freeBytes: 25 * gib, promisedBytes: 5 * gib }))).toMatchObject({
      strategy: 'refused',
      space: { freeBytes: 25 * gib, promisedBytes: 5 * gib, missingBytes: 2 * gib + 1 },
    })
  })

  it('auto streams where there is too little room, nothing is predicted, or the folder cannot be used', () => {
    expect(decideStrategy(facts({ asked: 'auto' }))).toMatchObject({ strategy: 'staged', reason: 'room' })
    expect(decideStrategy(facts({ asked: 'auto', freeBytes: gib }))).toMatchObject({
      strategy: 'streaming',
      reason: 'low-space',
    })
    expect(
      decideStrategy(facts({ asked: 'auto', predictedRawBytes: 0, predictedStoredBytes: 0 })),
    ).toMatchObject({ strategy: 'streaming', reason: 'unpredicted' })
    expect(decideStrategy(facts({ asked: 'auto', freeBytes: undefined }))).toMatchObject({
      strategy: 'streaming',
      reason: 'staging-unusable',
    })
    expect(decideStrategy(facts({ freeBytes: undefined }))).toMatchObject({
      strategy: 'refused',
      reason: 'staging-unusable',
    })
  })

  it('reckons with the raw size where nothing was stored before, and where nothing is compressed', () => {
    expect(decideStrategy(facts({ predictedStoredBytes: 0 }))).toMatchObject({
      strategy: 'staged',
      space: { predictedBytes: 40 * gib },
    })
    expect(decideStrategy(facts({ codec: 'none', freeBytes: 60 * gib }))).toMatchObject({
      strategy: 'refused',
      space: { predictedBytes: 40 * gib, missingBytes: 22 * gib + 1 },
    })
  })

  it('asked by name, what nobody can predict needs the floor alone', () => {
    const unknown = { predictedRawBytes: 0, predictedStoredBytes: 0 }
    expect(decideStrategy(facts(unknown))).toMatchObject({ strategy: 'staged', reason: 'asked' })
    expect(decideStrategy(facts({ ...unknown, freeBytes: gib }))).toMatchObject({ strategy: 'refused' })
  })
})
