import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { partSizeFor } from '../../../agent/pipeline/part-size.ts'
import type { ObjectStoreCapabilities } from '../../../shared/object-store/index.ts'
import { s3Profiles } from '../../../shared/object-store/profile.ts'

const mebibyte = 2 ** 20
const tebibyte = 2 ** 40
/** Object names end at `.9999`. */
const mostObjects = 10_000
const predicted = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 2 ** 31 }),
  fc.double({ min: 1, max: 100 * tebibyte, noNaN: true }).map(Math.floor),
)
const budget = fc.integer({ min: 16 * mebibyte, max: 2 ** 34 })

describe.each(Object.entries(s3Profiles))('the part size for %s', (_, profile) => {
  const size = (bytes: number, total: number) => partSizeFor(bytes, profile, total)

  it('is within what the store takes, and two buffers of it within what the budget can ever grant', () => {
    fc.assert(
      fc.property(predicted, budget, (bytes, total) => {
        const part = size(bytes, total)
        expect(part).toBeGreaterThanOrEqual(profile.minPartSize)
        expect(part).toBeLessThanOrEqual(profile.maxPartSize)
        expect(Number.isInteger(part)).toBe(true)
        expect(2 * part).toBeLessThanOrEqual(Math.max(total, 2 * profile.minPartSize))
      }),
    )
  })

  it('fits any length whatever, predicted or not, by rolling to further objects', () => {
    fc.assert(
      fc.property(
        predicted,
        budget,
        fc.double({ min: 0, max: 40 * tebibyte, noNaN: true }),
        (bytes, total, real) => {
          const part = size(bytes, total)
          const parts = Math.max(1, Math.ceil(real / part))
          expect(Math.ceil(parts / profile.maxParts)).toBeLessThanOrEqual(mostObjects)
        },
      ),
    )
  })

  it('makes one object of what was predicted well, where budget and 64 MiB allow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), bytes => {
        const part = size(bytes, 2 ** 34)
        if (part < 64 * mebibyte) expect(Math.ceil(bytes / part)).toBeLessThanOrEqual(profile.maxParts)
      }),
    )
  })

  it('never shrinks for a larger prediction', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 2 ** 45 }), fc.integer({ min: 1, max: 2 ** 45 })),
        ([a, b]) => {
          const total = 2 ** 34
          expect(size(Math.min(a, b), total)).toBeLessThanOrEqual(size(Math.max(a, b), total))
        },
      ),
    )
  })
})

it('the least budget of an agent lets every profile upload', () => {
  for (const profile of Object.values<ObjectStoreCapabilities>(s3Profiles))
    expect(2 * partSizeFor(0, profile, 16 * mebibyte)).toBeLessThanOrEqual(16 * mebibyte)
})
