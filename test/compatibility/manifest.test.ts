import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../agent/jobs/restore.ts'
import { readManifest } from '../../coordinator/operations/check-manifest.ts'
import { againstPublishedSchema } from '../harness/manifest-schema.ts'
import { fixtureManifests } from './fixture.ts'

const manifests = fixtureManifests()
const read = (bytes: Buffer) => parseManifest(bytes, 'v1/manifests/x.json')
/** A manifest with something changed, as another version might write it. */
const changed = (change: object): Buffer => {
  const [, bytes = Buffer.alloc(0)] = manifests[0] ?? []
  return Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString('utf8')), ...change }))
}

describe('manifests of format v1 that earlier commits wrote', () => {
  test('are of each scope and engine, and one has several objects of several parts', () => {
    const all = manifests.map(([, bytes]) => read(bytes))
    const kinds = new Set(all.map(each => `${each.engine.kind} ${each.scope}`))
    expect(kinds).toEqual(new Set(['postgres cluster', 'postgres database', 'mariadb database']))
    expect(
      all.some(each =>
        each.streams.every(({ objects }) => objects.length > 1 && (objects[0]?.parts.length ?? 0) > 1),
      ),
    ).toBe(true)
  })

  test.each(manifests)(
    '%s is read by agent and coordinator, and fits the published schema',
    (_path, bytes) => {
      const manifest = read(bytes)
      expect(againstPublishedSchema(JSON.parse(bytes.toString('utf8')))).toEqual([])
      expect(readManifest(bytes)).toEqual({
        manifest,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      })
      // nothing that was written is lost by reading: a copy made from it would still say everything
      expect(manifest).toMatchObject(JSON.parse(bytes.toString('utf8')))
    },
  )
})

describe('manifests of later commits', () => {
  test('of a later version: refused as newer, whatever else they hold, and without reading on', () => {
    for (const change of [{ version: 2 }, { version: 7, streams: 'elsewhere', scope: 'galaxy' }])
      expect(() => read(changed(change))).toThrow(expect.objectContaining({ code: 'manifest.newer' }))
    expect(readManifest(changed({ version: 2 }))).toMatch(
      /has format version 2; this coordinator reads up to 1/,
    )
    expect(againstPublishedSchema(JSON.parse(changed({ version: 2 }).toString('utf8')))).not.toEqual([])
  })

  test('with fields invented since: read all the same, whatever level they are on', () => {
    const plain = read(changed({}))
    const later = changed({
      invented: { later: true },
      streams: plain.streams.map(stream => ({
        ...stream,
        invented: 1,
        objects: stream.objects.map(object => ({ ...object, invented: ['x'] })),
      })),
      engine: { ...plain.engine, invented: null },
      requirements: { ...plain.requirements, invented: ['later'] },
    })
    expect(read(later)).toEqual(plain)
    expect(readManifest(later)).toMatchObject({ manifest: plain })
    expect(againstPublishedSchema(JSON.parse(later.toString('utf8')))).toEqual([])
  })

  test.each([
    ['a codec', 'codecs', ['lzma9']],
    ['a format of its dump', 'format', 'bson'],
  ])('with %s this one does not know: refused, never restored by guess', (_what, field, value) => {
    const plain = read(changed({}))
    const later = changed({ streams: plain.streams.map(stream => ({ ...stream, [field]: value })) })
    expect(() => read(later)).toThrow(expect.objectContaining({ code: 'manifest.invalid' }))
  })

  test('encrypted: refused, since this version could not open it', () => {
    expect(() => read(changed({ encryption: { kind: 'age' } }))).toThrow(
      expect.objectContaining({ code: 'manifest.invalid' }),
    )
  })

  test.each([
    ['not JSON', Buffer.from('{"format":')],
    ['another format', changed({ format: 'other' })],
    ['null', Buffer.from('null')],
  ])('%s is no manifest', (_what, bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'manifest.invalid' }))
  })
})
