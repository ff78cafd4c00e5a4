import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
let wide: ((text: string) => number) | undefined

/** Terminal columns that a text takes: wide characters two, what only modifies another none. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  // not before somebody has such a name: its tables of Unicode alone are a tenth of the start of a command
  wide ??= (require('string-width') as { readonly default: (text: string) => number }).default
  return wide(text)
}
