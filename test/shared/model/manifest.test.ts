import { describe, expect, test } from 'vitest'
import { type Manifest, manifestSchema } from '../../../shared/model/manifest.ts'
import { againstPublishedSchema } from '../../harness/manifest-schema.ts'

const published = (content: unknown) => againstPublishedSchema(content).length === 0

const sha256 = 'a'.repeat(64)
const manifest = manifestSchema.parse({
  format: 'holdfast.backup',
  version: 1,
  backup_id: 'bak_1',
  attempt_id: 'att_1',
  epoch: 1,
  scope: 'database',
  kind: 'full',
  cluster: { name: 'orders', evidence: [{ kind: 'postgres-system-identifier', value: '7' }] },
  instance: { host: 'h', port: 5432 },
  databases: [{ name: 'a"b/c%' }],
  agent: { host: 'h', version: '0.1.0' },
  engine: { kind: 'postgres', server_version: '15.1', tools: [] },
  data_as_of: 1,
  started_at: 2,
  committed_at: 3,
  clock_offset_ms: -4,
  streams: [
    {
      name: '000-full',
      format: 'pgdump',
      codecs: ['zstd'],
      raw_bytes: '18446744073709551615',
      stored_bytes: '1',
      objects: [{ key: 'v1/data/x', size: '1', parts: [{ size: 1, sha256 }] }],
      stages: [{ name: 'pg_dump', command: ['pg_dump'], exit_status: 0, duration_ms: 1 }],
    },
  ],
  raw_bytes: '18446744073709551615',
  stored_bytes: '1',
  requirements: {},
  encryption: { kind: 'none' },
  class: 'manual',
})

type Draft = { -readonly [K in keyof Manifest]: unknown }

describe('manifest format v1', () => {
  test('what we write passes the schema we publish, and is the same after JSON', () => {
    expect(againstPublishedSchema(manifest)).toEqual([])
    expect(manifestSchema.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest)
  })

  test('a field of a later version is no error to a reader of this one', () => {
    const later = { ...manifest, invented_later: { x: 1 } }
    expect(published(later)).toBe(true)
    expect(manifestSchema.safeParse(later).success).toBe(true)
  })

  const mistakes: Readonly<Record<string, (draft: Draft) => void>> = {
    'another format': draft => {
      draft.format = 'other'
    },
    'another version': draft => {
      draft.version = 2
    },
    'no stream': draft => {
      draft.streams = []
    },
    'a stream without objects': draft => {
      draft.streams = [{ ...manifest.streams[0], objects: [] }]
    },
    'an object without parts': draft => {
      draft.streams = [{ ...manifest.streams[0], objects: [{ key: 'k', size: '1', parts: [] }] }]
    },
    'a 64-bit number as a number': draft => {
      draft.raw_bytes = 1
    },
    'a number with a leading zero': draft => {
      draft.raw_bytes = '01'
    },
    'a negative size': draft => {
      draft.stored_bytes = '-1'
    },
    'a hash in capitals': draft => {
      draft.streams = [
        {
          ...manifest.streams[0],
          objects: [{ key: 'k', size: '1', parts: [{ size: 1, sha256: 'A'.repeat(64) }] }],
        },
      ]
    },
    'a time with a fraction': draft => {
      draft.data_as_of = 1.5
    },
    'no time of its data': draft => {
      delete draft.data_as_of
    },
  }

  test.each(Object.entries(mistakes))(
    '%s is refused by program and published schema alike',
    (_name, spoil) => {
      const draft = structuredClone(manifest) as Draft
      spoil(draft)
      expect(manifestSchema.safeParse(draft).success).toBe(false)
      expect(published(draft)).toBe(false)
    },
  )
})
