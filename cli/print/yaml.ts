import { plain } from './json.ts'

/**
 * The YAML form of answers: the names and values of the JSON form, a line each. Texts are always quoted, so that
 * `no`, `1e3` and what would move a terminal's cursor stay what they are.
 */
export function yaml(value: unknown): string {
  return block(plain(value), '')
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0)
    return value.map(item => `${indent}- ${block(item, `${indent}  `).trimStart()}`).join('\n')
  if (isMap(value)) {
    const pairs = Object.entries(value)
    if (pairs.length > 0)
      return pairs.map(([key, inner]) => `${indent}${name(key)}:${after(inner, indent)}`).join('\n')
  }
  return `${indent}${scalar(value)}`
}

/** What stands behind a key: on its line, or deeper on lines of its own. */
function after(value: unknown, indent: string): string {
  const nested = Array.isArray(value) ? value.length > 0 : isMap(value) && Object.keys(value).length > 0
  return nested ? `\n${block(value, `${indent}  `)}` : ` ${scalar(value)}`
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A key as it is where no reader, of YAML 1.1 either, takes it for anything but a text. */
function name(key: string): string {
  const safe = /^[a-z][a-z0-9_]*$/.test(key) && !/^(true|false|null|yes|no|on|off|y|n)$/.test(key)
  return safe ? key : scalar(key)
}

/** JSON is YAML, once what JSON leaves raw and YAML calls unprintable is escaped. */
function scalar(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
