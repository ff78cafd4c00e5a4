import { AppError } from '../../../shared/errors/index.ts'
import { type Filter, parseFilter } from '../../../shared/model/filter.ts'
import { type IdKind, type IdOf, idPrefixes, isId } from '../../../shared/model/identifiers.ts'
import type { PageRequest } from '../../store/port.ts'

/** A request field that is wrong: `request.invalid`, naming the field and what was expected. */
export function invalid(field: string, problem: string, expected: string): AppError {
  return new AppError('request.invalid', {
    message: `${field}: ${problem}`,
    context: { field, problem, expected },
  })
}

/** The page a list was asked for; 50 rows when nothing is said, 1,000 at most. */
export function pageOf(request: { readonly pageSize: number; readonly pageToken: string }): PageRequest {
  if (request.pageSize < 0)
    throw invalid(
      'page_size',
      `${request.pageSize} is negative`,
      'a number from 0 to 1000; 0 is the default of 50',
    )
  const size = Math.min(request.pageSize === 0 ? 50 : request.pageSize, 1000)
  return request.pageToken === '' ? { size } : { size, after: request.pageToken }
}

/** The filter of a list; only the keys the list has. */
export function filterOf(request: { readonly filter: string }, allowed: readonly string[]): Filter {
  const filter = parseFilter(request.filter, allowed)
  if (typeof filter === 'string')
    throw invalid(
      'filter',
      filter,
      allowed.length === 0
        ? 'empty: this list has no filter'
        : `key=value pairs joined by commas, of ${allowed.join(', ')}`,
    )
  return filter
}

/** A filter's value, one of a closed list. */
export function oneOf<T extends string>(filter: Filter, key: string, values: readonly T[]): T | undefined {
  const value = filter.get(key)
  if (value === undefined) return undefined
  const found = values.find(candidate => candidate === value)
  if (found === undefined) throw invalid('filter', `\`${value}\` is no ${key}`, values.join(', '))
  return found
}

/** An identifier of `kind`. */
export function requireId<K extends IdKind>(kind: K, field: string, text: string): IdOf<K> {
  if (!isId(kind, text))
    throw invalid(
      field,
      text === '' ? 'is missing' : `\`${text.slice(0, 80)}\` is no ${kind} id`,
      `${idPrefixes[kind]}_ and a UUIDv7`,
    )
  return text
}
