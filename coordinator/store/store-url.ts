import { isAbsolute } from 'node:path'
import { AppError } from '../../shared/errors/index.ts'

/** Where the store is. A PostgreSQL URL may hold a password: it is never printed. */
export type StoreLocation =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string }

/**
 * Reads `sqlite:/absolute/file.db`, `sqlite::memory:` (tests) or `postgres://user@host:port/database`.
 *
 * @throws AppError `config.invalid`
 */
export function storeLocation(url: string): StoreLocation {
  if (url.startsWith('sqlite:')) {
    const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
    if (path === ':memory:' || (isAbsolute(path) && !path.includes('\0'))) return { kind: 'sqlite', path }
  }
  if (/^postgres(ql)?:\/\/./.test(url) && URL.canParse(url)) return { kind: 'postgres', url }
  throw new AppError('config.invalid', {
    message: 'the store is not given as sqlite:/absolute/file.db or postgres://user@host:port/database',
    context: { scheme: /^[a-z+]{1,20}(?=:)/i.exec(url)?.[0] ?? 'none' },
  })
}
