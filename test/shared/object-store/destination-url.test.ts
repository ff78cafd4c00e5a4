import { describe, expect, it } from 'vitest'
import { openObjectStore, parseDestination } from '../../../shared/object-store/index.ts'

describe('a destination', () => {
  it.each([
    ['', 'must begin with'],
    ['bucket/prefix', 'must begin with'],
    ['https://bucket.s3.amazonaws.com/x', 'must begin with'],
    ['s3://', 'bucket is missing'],
    ['s3:///prefix', 'bucket is missing'],
    ['s3://My_Bucket', 'bucket name'],
    ['s3://ab', 'bucket name'],
    ['s3://10.0.0.1/x', 'bucket name'],
    ['s3://bucket//x', 'empty part'],
    ['s3://bucket/a/../b', '".."'],
    ['s3://bucket/a b', '"a b"'],
    ['s3://bucket/100%', '"100%"'],
    ['s3://bucket/x?region=y', 'query'],
    ['s3://key:hunter2@bucket/x', 'credentials'],
    ['file:relative', 'absolute'],
    ['file://host/path', 'absolute'],
    ['file:///', 'root'],
    ['file:///a/../b', '..'],
    ['file:///100%', 'hex'],
  ])('%j is refused, saying why', (url, why) => {
    const thrown = (() => {
      try {
        return parseDestination(url)
      } catch (error) {
        return error
      }
    })()
    expect(thrown).toMatchObject({ code: 'destination.invalid', message: expect.stringContaining(why) })
    expect(JSON.stringify((thrown as { context: unknown }).context)).not.toContain('hunter2')
  })

  it('is read as bucket and prefix, or path', () => {
    expect(parseDestination('s3://my-bucket')).toEqual({ kind: 's3', bucket: 'my-bucket', prefix: '' })
    expect(parseDestination('s3://b.c-d/')).toEqual({ kind: 's3', bucket: 'b.c-d', prefix: '' })
    expect(parseDestination('s3://bucket/a/b//')).toEqual({ kind: 's3', bucket: 'bucket', prefix: 'a/b' })
    expect(parseDestination('file:///var/lib/back%20ups/')).toEqual({
      kind: 'directory',
      path: '/var/lib/back ups',
    })
  })

  it('with an endpoint that is none, or the profile of another kind, is refused', () => {
    expect(() =>
      openObjectStore({ url: 's3://bucket', endpoint: 'localhost:9000', profile: 'generic' }),
    ).toThrow(expect.objectContaining({ code: 'destination.invalid' }))
    expect(() => openObjectStore({ url: 's3://bucket', profile: 'directory' })).toThrow(
      expect.objectContaining({ code: 'destination.invalid' }),
    )
  })
})
