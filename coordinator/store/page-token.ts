import { AppError } from '../../shared/errors/index.ts'

/** The types of a list's sort key, in order. */
export type KeyForm = readonly ('text' | 'int')[]

/** A row's sort key. */
export type PageKey = readonly (string | number)[]

const longestToken = 8_000

/** Makes the opaque token that stands for "after this row" of one kind of list. */
export function tokenOf(list: string, key: PageKey): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url')
}

/**
 * Reads a token of that list.
 *
 * @throws AppError `page-token.invalid` for garbage and for another list's token
 */
export function keyOf(list: string, form: KeyForm, token: string): PageKey {
  const key = parse(token)
  const fits =
    Array.isArray(key) &&
    key.length === form.length + 1 &&
    key[0] === list &&
    form.every((type, i) => {
      const part: unknown = key[i + 1]
      return type === 'text' ? isText(part) : Number.isSafeInteger(part)
    })
  if (!fits) throw new AppError('page-token.invalid')
  return key.slice(1) as PageKey
}

function isText(part: unknown): boolean {
  return typeof part === 'string' && part.isWellFormed() && !part.includes('\0')
}

function parse(token: string): unknown {
  if (token.length > longestToken || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
