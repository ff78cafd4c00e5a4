import type { z } from 'zod'
import { isSecretKey, redacted, redactText } from '../log/redact.ts'
import { showByteSize, showDuration } from './fields.ts'
import { type Sources, sourceOfValue } from './layers.ts'
import { type ConfigPath, isTree, showPath } from './path.ts'
import { formAt, schemasAt } from './shape.ts'

/** One effective value, fit for printing. */
export interface ConfigEntry {
  readonly key: string
  readonly value: unknown
  readonly source: string
}

interface Line {
  readonly text: string
  readonly source?: string
}

interface Context {
  readonly schema: z.core.$ZodType
  readonly sources: Sources
}

/** Every effective value with its source; secrets redacted, durations and sizes as people write them. */
export function entriesOf(value: unknown, context: Context, path: ConfigPath = []): readonly ConfigEntry[] {
  if (value === undefined) return []
  const children = childrenOf(value)
  if (children.length > 0)
    return children.flatMap(([key, child]) => entriesOf(child, context, [...path, key]))
  return [{ key: showPath(path), value: shown(value, context, path), source: sourceOf(context, path) }]
}

/**
 * A value that was read, as people write it: durations and sizes as text again. For what holds no secrets: nothing is
 * redacted, so that reading it again gives the same.
 *
 * @param path where in `schema` the value stands
 */
export function asWritten(schema: z.core.$ZodType, value: unknown, path: ConfigPath = []): unknown {
  if (Array.isArray(value)) return value.map((item, index) => asWritten(schema, item, [...path, index]))
  if (isTree(value))
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, child]) => child !== undefined)
        .map(([key, child]) => [key, asWritten(schema, child, [...path, key])]),
    )
  return typeof value === 'number' ? withUnit(value, schema, path) : value
}

function withUnit(value: number, schema: z.core.$ZodType, path: ConfigPath): unknown {
  const form = formAt(schemasAt(schema, path))
  if (form?.show === 'duration') return showDuration(value)
  return form?.show === 'bytes' ? showByteSize(value) : value
}

/** The effective configuration as YAML that could be a configuration file, each value's source beside it. */
export function renderYaml(value: unknown, context: Context): string {
  const lines = linesOf(value, context, [], 0)
  const width = Math.min(
    60,
    Math.max(0, ...lines.filter(line => line.source !== undefined).map(line => line.text.length)),
  )
  return lines
    .map(line => (line.source === undefined ? line.text : `${line.text.padEnd(width)}  # ${line.source}`))
    .join('\n')
    .concat('\n')
}

function linesOf(value: unknown, context: Context, path: ConfigPath, depth: number): readonly Line[] {
  const indent = '  '.repeat(depth)
  return childrenOf(value).flatMap(([key, child]): readonly Line[] => {
    if (child === undefined) return []
    const at = [...path, key]
    const head = typeof key === 'number' ? `${indent}-` : `${indent}${scalar(key)}:`
    const inner = linesOf(child, context, at, depth + 1)
    const [first, ...rest] = inner
    // the first key of a list's item stands beside the dash
    if (first !== undefined && typeof key === 'number')
      return [{ ...first, text: `${head} ${first.text.trimStart()}` }, ...rest]
    if (first !== undefined) return [{ text: head }, ...inner]
    return [{ text: `${head} ${scalar(shown(child, context, at))}`, source: sourceOf(context, at) }]
  })
}

function childrenOf(value: unknown): readonly (readonly [string | number, unknown])[] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item] as const)
  return isTree(value) ? Object.entries(value) : []
}

function sourceOf(context: Context, path: ConfigPath): string {
  return sourceOfValue(context.sources, path) ?? 'default'
}

function shown(value: unknown, context: Context, path: ConfigPath): unknown {
  if (path.some(step => isSecretKey(String(step))) && value !== null) return redacted
  if (typeof value === 'string') return redactText(value)
  return typeof value === 'number' ? withUnit(value, context.schema, path) : value
}

/** A scalar as YAML: bare where that reads back as the same text, else quoted. */
function scalar(value: unknown): string {
  if (Array.isArray(value)) return '[]'
  if (isTree(value)) return '{}'
  if (typeof value !== 'string') return JSON.stringify(value)
  const bare =
    /^[A-Za-z/][\w./:@+~-]*$/.test(value) || /^\d+[A-Za-z]+$/.test(value) || /^[\d.]+:\d+$/.test(value)
  const special = /^(true|false|null|yes|no|on|off|\d+e\d+|0[xo].*)$/i.test(value) || value.endsWith(':')
  return bare && !special ? value : JSON.stringify(value)
}
