import type { ConfigPath } from './path.ts'

/** The variable that sets a key. */
export function variableFor(path: ConfigPath, prefix: string): string {
  return (
    prefix +
    path
      .map(step =>
        String(step)
          .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
          .replace(/-/g, '_')
          .toUpperCase(),
      )
      .join('__')
  )
}
