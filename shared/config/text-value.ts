import type { z } from 'zod'
import { childSchemas, kindsOf } from './shape.ts'

/**
 * What a text from a variable or a flag stands for, by what the schema takes: numbers, `true`/`false`, lists
 * (comma separated or JSON) and sections (JSON). A text that fits none stays text, for the schema to refuse.
 */
export function fromText(text: string, schemas: readonly z.core.$ZodType[]): unknown {
  const kinds = kindsOf(schemas)
  if (kinds.has('number') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (kinds.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (kinds.has('array')) {
    if (text.startsWith('[')) return fromJson(text)
    const elements = schemas.flatMap(schema => childSchemas(schema, 0))
    return text.split(',').map(item => fromText(item.trim(), elements))
  }
  if ((kinds.has('object') || kinds.has('record')) && text.startsWith('{')) return fromJson(text)
  return text
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
