import type { z } from 'zod'
import { forms } from '../../shared/config/forms.ts'

/** One key of a configuration: where it stands, what it takes, what it is when nobody gives it. */
export interface ConfigurationKey {
  /** Dotted; `NAME` stands for a name of one's own, `[]` for each of a list. */
  readonly path: string
  /** In words. */
  readonly takes: string
  readonly usual: string
}

/** What is known on the way down to a key. */
interface Way {
  readonly path: string
  readonly usual?: unknown
  readonly optional?: boolean
}

interface Definition {
  readonly type: string
  readonly innerType: z.ZodType
  readonly defaultValue: unknown
  readonly shape: Readonly<Record<string, z.ZodType>>
  readonly valueType: z.ZodType
  readonly element: z.ZodType
  readonly in: z.ZodType
  readonly entries: Readonly<Record<string, string>>
  readonly options: readonly z.ZodType[]
}

/**
 * Every key of a schema, in the order it is written.
 *
 * @param elsewhere sections that have a page of their own: they are left out
 */
export function keysOf(schema: z.ZodType, elsewhere: readonly string[] = []): readonly ConfigurationKey[] {
  return keysBelow(schema, { path: '' }).filter(
    ({ path }) => !elsewhere.includes(/^[a-z_]+/.exec(path)?.[0] ?? ''),
  )
}

function keysBelow(schema: z.ZodType, way: Way): readonly ConfigurationKey[] {
  const definition = schema.def as unknown as Definition
  const form = forms.get(schema)?.expected
  if (form !== undefined) return [keyAt(way, form)]
  switch (definition.type) {
    case 'prefault':
    case 'default':
      return keysBelow(definition.innerType, { ...way, usual: definition.defaultValue })
    case 'optional':
      return keysBelow(definition.innerType, { ...way, optional: true })
    case 'pipe':
      return keysBelow(definition.in, way)
    case 'object':
      return Object.entries(definition.shape).flatMap(([key, each]) =>
        keysBelow(each, { path: way.path === '' ? key : `${way.path}.${key}` }),
      )
    case 'record':
      return keysBelow(definition.valueType, { path: `${way.path}.NAME`, usual: way.usual })
    case 'array':
      return isSection(definition.element)
        ? keysBelow(definition.element, { path: `${way.path}[]` })
        : [keyAt(way, `list: ${formOf(definition.element)}`)]
    case 'union': {
      const sections = definition.options.filter(isSection)
      return sections.length === 0
        ? [keyAt(way, definition.options.map(formOf).join(' or '))]
        : kindsOf(sections, way)
    }
    default:
      return [keyAt(way, formOf(schema))]
  }
}

/** The keys of sections that differ by their `kind`. */
function kindsOf(sections: readonly z.ZodType[], way: Way): readonly ConfigurationKey[] {
  return sections.flatMap(each => {
    const { shape } = each.def as unknown as Definition
    const [kind] = Object.values(
      (shape['kind']?.def as unknown as { values?: readonly string[] })?.values ?? [],
    )
    const rest = Object.fromEntries(Object.entries(shape).filter(([key]) => key !== 'kind'))
    return Object.entries(rest).flatMap(([key, value]) =>
      keysBelow(value, { path: `${way.path}(${kind}).${key}` }),
    )
  })
}

function isSection(schema: z.ZodType): boolean {
  const { type, innerType, in: before } = schema.def as unknown as Definition
  return (
    type === 'object' ||
    (innerType !== undefined && isSection(innerType)) ||
    (before !== undefined && isSection(before))
  )
}

function formOf(schema: z.ZodType): string {
  const { type, entries, innerType } = schema.def as unknown as Definition
  const form = forms.get(schema)?.expected
  if (form !== undefined) return form
  if (type === 'enum')
    return Object.values(entries)
      .map(each => `\`${each}\``)
      .join(', ')
  if (type === 'boolean') return '`true`, `false`'
  if (type === 'number') return numberOf(schema as z.ZodNumber)
  if (innerType !== undefined) return formOf(innerType)
  return 'text'
}

function numberOf({ minValue, maxValue }: z.ZodNumber): string {
  const least = minValue !== null && Number.isFinite(minValue) && minValue > Number.MIN_SAFE_INTEGER
  const most = maxValue !== null && Number.isFinite(maxValue) && maxValue < Number.MAX_SAFE_INTEGER
  if (least && most) return `number, ${minValue} to ${maxValue}`
  return least ? `number from ${minValue} on` : 'number'
}

function keyAt({ path, usual, optional }: Way, takes: string): ConfigurationKey {
  const nothing = usual === undefined || ['{}', '[]'].includes(JSON.stringify(usual))
  return {
    path,
    takes,
    usual: nothing ? (optional === true || usual !== undefined ? '–' : 'must be given') : show(usual),
  }
}

function show(usual: unknown): string {
  return `\`${typeof usual === 'string' ? usual : JSON.stringify(usual)}\``
}
