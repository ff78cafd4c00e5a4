import { AppError } from '../../../shared/errors/index.ts'
import { type Filter, parseFilter } from '../../../shared/model/filter.ts'
import { type IdKind, type IdOf, idPrefixes, isId } from '../../../shared/model/identifiers.ts'
import type { PageRequest, Stretch } from '../../store/port.ts'

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

/** The keys of a filter that `stretchOf` reads. */
export const stretchKeys = ['since', 'until', 'order'] as const

/**
 * A stretch of time, and from which end: `since`, `until` in milliseconds, `order` newest or oldest, or one of the
 * further orders of the list.
 */
export function stretchOf(filter: Filter, further: readonly string[] = []): Stretch {
  const [since, until] = [filter.get('since'), filter.get('until')]
  return {
    ...(since === undefined ? {} : { since: millisOf('since', since) }),
    ...(until === undefined ? {} : { until: millisOf('until', until) }),
    ...(oneOf(filter, 'order', ['newest', 'oldest', ...further]) === 'oldest' ? { oldestFirst: true } : {}),
  }
}

/** A time in a filter. */
export function millisOf(key: string, text: string): number {
  const at = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(at))
    throw invalid('filter', `${key} is no time`, 'milliseconds since 1970, UTC')
  return at
}
