import type { z } from 'zod'
import { forms, type ValueForm } from './forms.ts'

/** What the loader needs to know of a schema: which keys it has and what a text given for it should become. */

/** The innermost schemas behind default, optional, transform and union. */
function cores(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  const def = (schema as z.core.$ZodTypes)._zod.def
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return cores(def.innerType)
    case 'pipe':
      return cores((def.in as z.core.$ZodTypes)._zod.def.type === 'transform' ? def.out : def.in)
    case 'lazy':
      return cores(def.getter())
    case 'union':
      return def.options.flatMap(cores)
    case 'intersection':
      return [...cores(def.left), ...cores(def.right)]
    default:
      return [schema]
  }
}

/** The keys a section may have, or `any` where names are free or this is no section. */
export function knownKeys(schema: z.core.$ZodType): ReadonlySet<string> | 'any' {
  const keys = new Set<string>()
  let sections = 0
  for (const core of cores(schema)) {
    const def = (core as z.core.$ZodTypes)._zod.def
    if (def.type === 'record') return 'any'
    if (def.type !== 'object') continue
    const catchall = def.catchall as z.core.$ZodTypes | undefined
    if (catchall !== undefined && catchall._zod.def.type !== 'never') return 'any'
    sections++
    for (const key of Object.keys(def.shape)) keys.add(key)
  }
  return sections === 0 ? 'any' : keys
}

/** The schemas a child of this one may have; several under a union. */
export function childSchemas(schema: z.core.$ZodType, key: string | number): readonly z.core.$ZodType[] {
  return cores(schema).flatMap((core): readonly z.core.$ZodType[] => {
    const def = (core as z.core.$ZodTypes)._zod.def
    if (def.type === 'object') {
      const child = Object.hasOwn(def.shape, key) ? def.shape[String(key)] : undefined
      return child === undefined ? [] : [child]
    }
    if (def.type === 'record') return [def.valueType]
    if (def.type === 'array' && typeof key === 'number') return [def.element]
    return []
  })
}

/** The schemas at a path. */
export function schemasAt(
  schema: z.core.$ZodType,
  path: readonly (string | number)[],
): readonly z.core.$ZodType[] {
  let here: readonly z.core.$ZodType[] = [schema]
  for (const step of path) here = here.flatMap(each => childSchemas(each, step))
  return here
}

/** Which kinds of value a schema takes in: `string`, `number`, `boolean`, `array`, `object`, `record`, … */
export function kindsOf(schemas: readonly z.core.$ZodType[]): ReadonlySet<string> {
  return new Set(schemas.flatMap(cores).map(core => (core as z.core.$ZodTypes)._zod.def.type))
}

/** The registered form of a value (durations, sizes, …), looked for from the outside in. */
export function formAt(schemas: readonly z.core.$ZodType[]): ValueForm | undefined {
  for (const schema of schemas) {
    const own = forms.get(schema)
    if (own !== undefined) return own
    const def = (schema as z.core.$ZodTypes)._zod.def
    const inner =
      'innerType' in def
        ? [def.innerType]
        : def.type === 'pipe'
          ? [def.in, def.out]
          : def.type === 'union'
            ? def.options
            : []
    const found = formAt(inner as readonly z.core.$ZodType[])
    if (found !== undefined) return found
  }
  return undefined
}
