import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attemptPrefix, dataKey, manifestKey, objectName, slug } from '../../../shared/object-store/index.ts'

const at = Date.UTC(2026, 10, 22, 3, 4, 5, 678)
const attemptId = 'att_019aa8f0-0000-7000-8000-000000000001'

describe('a slug', () => {
  it('has its shape for any name whatever, and differs when the name differs', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 80 }),
        fc.string({ unit: 'binary', maxLength: 80 }),
        (one, other) => {
          expect(slug(one)).toMatch(/^[a-z0-9-]{1,40}~[0-9a-f]{10}$/)
          if (Buffer.from(one).compare(Buffer.from(other)) !== 0) expect(slug(one)).not.toBe(slug(other))
        },
      ),
    )
  })

  it('tells upper from lower case, and keeps what people read', () => {
    expect(slug('Orders')).toMatch(/^orders~/)
    expect(slug('Orders')).not.toBe(slug('orders'))
    expect(slug('my shop / EU 100%')).toMatch(/^my-shop-eu-100~/)
    expect(slug('日本')).toMatch(/^x~/)
    expect(slug(`${'a'.repeat(39)}  b`)).toMatch(/^a{39}~/)
  })
})

describe('keys', () => {
  const place = { cluster: 'orders', database: 'shop/eu', at, class: 'daily', attemptId } as const

  it('are those of format v1', () => {
    const cluster = slug('orders')
    const database = slug('shop/eu')
    expect(dataKey({ ...place, objectName: '000-full.pgdump.zst' })).toBe(
      `v1/data/${cluster}/${database}/2026/11/22/${database}_daily_20261122_030405Z_${attemptId}/000-full.pgdump.zst`,
    )
    expect(manifestKey(at, attemptId)).toBe(`v1/manifests/2026/11/22/${attemptId}.json`)
  })

  it('of an attempt share a prefix that ends in the attempt', () => {
    expect(attemptPrefix(place)).toMatch(new RegExp(`_${attemptId}/$`))
    expect(dataKey({ ...place, objectName: 'x' }).startsWith(attemptPrefix(place))).toBe(true)
  })

  it('of what belongs to the cluster collide with no database, not even one called globals', () => {
    const { database: _, ...cluster } = place
    const scope = attemptPrefix(cluster).split('/')[3] ?? ''
    expect(scope).toBe('globals')
    expect(slug('globals')).not.toBe(scope)
    fc.assert(fc.property(fc.string({ unit: 'binary' }), name => slug(name) !== scope))
  })

  it('stay well below S3’s 1,024 bytes for any names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), name => {
        const key = dataKey({
          ...place,
          cluster: name,
          database: name,
          objectName: '000-schema.pgdump.zst.0001',
        })
        expect(Buffer.byteLength(key)).toBeLessThan(400)
        expect(key).not.toContain('%')
      }),
    )
  })

  it('of a stream that rolled sort in the order of their bytes', () => {
    const names = Array.from({ length: 12 }, (_, index) =>
      objectName({ name: '000-full', format: 'pgdump' }, ['zstd'], index),
    )
    expect(names[0]).toBe('000-full.pgdump.zst')
    expect(names[1]).toBe('000-full.pgdump.zst.0001')
    expect([...names].sort()).toEqual(names)
    expect([objectName({ name: '001-rest', format: 'pgdump' }, ['zstd'], 0), ...names].sort().at(-1)).toMatch(
      /^001/,
    )
    expect(objectName({ name: '000-globals', format: 'sql' }, ['none'], 0)).toBe('000-globals.sql')
  })
})
