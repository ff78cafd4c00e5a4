import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fnv1a32, fnv1a64 } from '../../../coordinator/jobs/fnv1a.ts'
import { canRetry, retryDelay } from '../../../coordinator/jobs/retry.ts'
import { AppError, type ErrorCode, errorCodes } from '../../../shared/errors/index.ts'
import { idFrom } from '../../../shared/model/identifiers.ts'
import { uuidOf } from './job-maker.ts'

const job = (n: number) => idFrom('job', uuidOf(n))

describe('the delay before a retry', () => {
  it('is the same for the same job and attempt, and within half and whole of the back-off', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3_600_000 }),
        fc.integer({ min: 0, max: 86_400_000 }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.nat({ max: 1_000_000 }),
        (baseDelay, maxDelay, attempt, n) => {
          const rule = { maxAttempts: 5, baseDelay, maxDelay }
          const delay = retryDelay(rule, job(n), attempt)
          const full = Math.min(maxDelay, baseDelay * 2 ** Math.min(attempt - 1, 40))
          expect(delay).toBe(retryDelay(rule, job(n), attempt))
          expect(Number.isSafeInteger(delay)).toBe(true)
          expect(delay).toBeLessThanOrEqual(maxDelay)
          expect(delay).toBeLessThanOrEqual(full)
          expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2))
        },
      ),
    )
  })

  it('spreads a fleet that failed together over the upper half', () => {
    const rule = { maxAttempts: 3, baseDelay: 60_000, maxDelay: 600_000 }
    const delays = Array.from({ length: 2_000 }, (_, n) => retryDelay(rule, job(n), 1))
    for (let bucket = 0; bucket < 10; bucket += 1) {
      const low = 30_000 + bucket * 3_000
      const share = delays.filter(delay => delay >= low && delay < low + 3_000).length
      expect(share).toBeGreaterThan(130)
      expect(share).toBeLessThan(270)
    }
  })
})

describe('hope', () => {
  it('is what the registry says: only the class never has none', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[])
      expect(canRetry(new AppError(code).toFailure())).toBe(errorCodes[code].retry !== 'never')
  })
})

describe('FNV-1a', () => {
  it('gives the published values for ASCII, each unit as two bytes', () => {
    expect(fnv1a32('')).toBe(0x811c9dc5)
    expect(fnv1a64('')).toBe('cbf29ce484222325')
    expect(fnv1a64('a')).toMatch(/^[0-9a-f]{16}$/)
    expect(fnv1a64('ab')).not.toBe(fnv1a64('ba'))
    expect(fnv1a32('é')).not.toBe(fnv1a32('e'))
  })
})
