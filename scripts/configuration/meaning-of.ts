/**
 * The meaning of a key: its own, or that of the pattern that speaks for it (`*` is one name, in a path or in
 * brackets). Undefined where nobody wrote one.
 */
export function meaningOf(path: string, meanings: Readonly<Record<string, string>>): string | undefined {
  const own = meanings[path]
  if (own !== undefined) return own
  return Object.entries(meanings).find(([pattern]) => speaksFor(pattern, path))?.[1]
}

/** Whether an entry of the meanings is about a key. */
export function speaksFor(pattern: string, path: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const source = [first, ...rest].map(each => each.replace(/[.()[\]]/g, '\\$&')).join('[a-z_]+')
  return new RegExp(`^${source}$`).test(path)
}
