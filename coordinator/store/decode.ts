import { AppError } from '../../shared/errors/index.ts'

type FormOf<V> = [V] extends [string]
  ? 'text'
  : [V] extends [number]
    ? 'number'
    : [V] extends [boolean]
      ? 'flag'
      : [V] extends [readonly unknown[]]
        ? 'list'
        : 'object'

/** What every field of a record must be; the compiler keeps it complete. A `?` marks what may be absent. */
export type Shape<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? `${FormOf<NonNullable<T[K]>>}?`
    : FormOf<T[K]>
}

/**
 * The version of the JSON form that this program writes. Fields it does not know are kept as they are, so only a
 * change of an existing field's meaning raises it (and is a breaking migration).
 */
export const recordFormat = 1

/** Writes a record as it is stored. */
export function encode(record: object): { format: number; record: string } {
  return { format: recordFormat, record: JSON.stringify(record) }
}

/**
 * Makes the reader of a table's records: parses, checks each field's form, keeps unknown fields. What does not
 * fit was damaged or written by hand: `store.corrupt` with table, id and field.
 */
export function decoder<T extends object>(
  table: string,
  shape: Shape<T>,
): (id: string | number, row: { readonly record: string }) => T {
  const fields = Object.entries<string>(shape).map(
    ([name, form]) => [name, form.replace('?', ''), form.endsWith('?')] as const,
  )
  return (id, row) => {
    const corrupt = (detail: string, cause?: unknown) =>
      new AppError('store.corrupt', { context: { table, id, detail }, cause })
    let value: unknown
    try {
      value = JSON.parse(row.record)
    } catch (thrown) {
      throw corrupt('not JSON', thrown)
    }
    if (formOf(value) !== 'object') throw corrupt('not an object')
    const record = value as Record<string, unknown>
    for (const [name, form, optional] of fields) {
      const field = record[name]
      if (field === undefined && optional) continue
      if (formOf(field) !== form) throw corrupt(`field ${name} is not a ${form}`)
    }
    return record as T
  }
}

function formOf(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  if (value === null) return 'null'
  const type = typeof value
  return type === 'string' ? 'text' : type === 'boolean' ? 'flag' : type
}
