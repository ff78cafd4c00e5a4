import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AgeCount, payloadBytes, plaintextBytes } from '../../../agent/encryption/age-format.ts'
import { requireServers } from '../../harness/index.ts'

const tools = await requireServers('encryption: age sizes', 'age')

describe('the size of what age encrypted', () => {
  it('follows from the size of what it wrote, and back', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1 << 30 }), size => plaintextBytes(payloadBytes(size)) === size),
      { numRuns: 500 },
    )
    for (let size = 0; size < 200_000; size += 65_536)
      for (const near of [size - 1, size, size + 1].filter(each => each >= 0))
        expect(plaintextBytes(payloadBytes(near))).toBe(near)
  })

  it('never follows from two: a byte cut off is seen', () => {
    fc.assert(
      fc.property(fc.nat({ max: 300_000 }), fc.integer({ min: 1, max: 100_000 }), (size, cut) => {
        expect(plaintextBytes(Math.max(0, payloadBytes(size) - cut))).not.toBe(size)
      }),
      { numRuns: 500 },
    )
  })

  it.each([0, 15, 16, 31, 16 + 65_552 + 16])(
    'follows from no payload of %i bytes, which age does not write',
    size => expect(plaintextBytes(size)).toBeUndefined(),
  )

  it.skipIf(tools.missing).each([0, 1, 65_535, 65_536, 65_537, 200_000])(
    'is what the installed age was given: %i bytes, in any cut',
    size => {
      const identity = spawnSync('age-keygen').stdout.toString()
      const recipient = /public key: (age1\S+)/.exec(identity)?.[1] ?? ''
      const { stdout } = spawnSync('age', ['-r', recipient, '-r', recipient], {
        input: Buffer.alloc(size, 7),
      })
      for (const cut of [1, 7, 100, 1 << 20]) {
        const count = new AgeCount()
        for (let at = 0; at < Math.min(stdout.length, 2_000); at += cut)
          count.take(stdout.subarray(at, Math.min(at + cut, 2_000, stdout.length)))
        count.take(stdout.subarray(Math.min(stdout.length, 2_000)))
        expect(count.plaintextBytes).toBe(size)
      }
    },
  )

  it('is unknown of what is no age file', () => {
    const count = new AgeCount()
    count.take(Buffer.from('hello\n---\n'))
    expect(count.plaintextBytes).toBeUndefined()
  })
})
