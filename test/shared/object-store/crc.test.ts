import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checksumOf, checksumsOfObject, sameChecksum } from '../../../shared/object-store/checksum.ts'
import { crc32c, crc64nvme, joinCrc32c, joinCrc64nvme } from '../../../shared/object-store/crc.ts'

describe('cyclic checksums', () => {
  it('have the check values of their catalogues', () => {
    const check = Buffer.from('123456789')
    expect(crc32c(check).toString('hex')).toBe('e3069283')
    expect(crc64nvme(check).toString('hex')).toBe('ae8b14860a799888')
    expect(crc32c(Buffer.alloc(0)).toString('hex')).toBe('00000000')
    expect(crc64nvme(Buffer.alloc(0)).toString('hex')).toBe('0000000000000000')
  })

  it('do not depend on where the bytes lie in memory', () => {
    const bytes = Buffer.from('x123456789')
    expect(crc32c(bytes.subarray(1)).toString('hex')).toBe('e3069283')
    expect(crc64nvme(bytes.subarray(1)).toString('hex')).toBe('ae8b14860a799888')
  })

  it('of parts, joined, are that of the whole, however it was cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.nat(400), { maxLength: 6 }),
        (bytes, cuts) => {
          const at = [0, ...cuts.map(cut => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
          const parts = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
          const with64 = parts.map(part => ({ size: part.length, crc: crc64nvme(part) }))
          const with32 = parts.map(part => ({ size: part.length, crc: crc32c(part) }))
          expect(joinCrc64nvme(with64).equals(crc64nvme(bytes))).toBe(true)
          expect(joinCrc32c(with32).equals(crc32c(bytes))).toBe(true)
        },
      ),
    )
  })
})

describe('the checksum a store tells of an object', () => {
  const part = (number: number, checksum?: string) => ({
    ...{ number, size: 3, sha256: 'ab'.repeat(32), etag: '"e"' },
    ...(checksum === undefined ? {} : { checksum }),
  })

  it('is unknown when a part was sent with another kind', () => {
    expect(checksumsOfObject('crc32c', [part(1)])).toEqual({})
    expect(checksumsOfObject('crc32c', [part(1, 'crc64nvme:AAAAAAAAAAA=')])).toEqual({})
  })

  it('is over the checksums of its parts with their number, or over all bytes, or may be both', () => {
    expect(checksumsOfObject('sha256', [part(1), part(2)])).toEqual({
      composite: expect.stringMatching(/^[A-Za-z0-9+/]{43}=-2$/),
    })
    const bytes = Buffer.from('abc')
    const whole = checksumOf('crc64nvme', bytes, '')
    expect(checksumsOfObject('crc64nvme', [part(1, `crc64nvme:${whole}`)])).toEqual({ full: whole })
    const short = checksumOf('crc32c', bytes, '')
    expect(checksumsOfObject('crc32c', [part(1, `crc32c:${short}`)])).toEqual({
      ...{ full: short, composite: expect.stringMatching(/-1$/) },
    })
  })

  it('is compared with what is told in whatever form, and only where it can be', () => {
    const ours = { composite: 'AAAA-2', full: 'BBBB' }
    expect(sameChecksum(ours, { value: 'AAAA-2', type: 'COMPOSITE' })).toBe(true)
    expect(sameChecksum(ours, { value: 'AAAA' })).toBe(true)
    expect(sameChecksum(ours, { value: 'BBBB', type: 'FULL_OBJECT' })).toBe(true)
    expect(sameChecksum(ours, { value: 'CCCC', type: 'FULL_OBJECT' })).toBe(false)
    expect(sameChecksum(ours, { value: 'CCCC' })).toBe(false)
    expect(sameChecksum(ours, { value: 'CCCC-2' })).toBe(false)
    // a full SHA-256 cannot be made from those of the parts
    expect(sameChecksum({ composite: 'AAAA-2' }, { value: 'CCCC', type: 'FULL_OBJECT' })).toBeUndefined()
    expect(sameChecksum({}, { value: 'CCCC' })).toBeUndefined()
  })
})
