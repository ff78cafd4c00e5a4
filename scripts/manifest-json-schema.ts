import { z } from 'zod'
import { manifestSchema } from '../shared/model/manifest.ts'

/**
 * docs/reference/manifest-v1.schema.json: what every reader of format v1 may rely on. Of the two readings of
 * a schema this is the one of what is *read*: a field added later is absent in older manifests, and unknown
 * to older readers, so neither is an error (architecture §6: append-only).
 */
export function manifestJsonSchema(): string {
  const schema = {
    $id: 'holdfast-backup-manifest-v1',
    title: 'Holdfast backup manifest, format v1',
    ...z.toJSONSchema(manifestSchema, { io: 'input', target: 'draft-2020-12' }),
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
