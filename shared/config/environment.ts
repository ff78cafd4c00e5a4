import type { z } from 'zod'
import { nearest, plain } from './nearest.ts'
import { type ConfigPath, setAt, type Tree } from './path.ts'
import type { Problem } from './problem.ts'
import { childSchemas, knownKeys } from './shape.ts'
import { fromText } from './text-value.ts'
import { variableFor } from './variable-name.ts'

/** What the environment holds, read once. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * `HOLDFAST_` names that are not configuration: where tests and demo keep fetched servers and whether they may
 * fetch, which coordinator the CLI asks and as whom, the token a host joins with, which file the configuration is in. Nor is anything that starts with
 * `HOLDFAST_TEST_`, or what a hook is told, so that it can call our programs.
 */
export const reservedVariables: readonly string[] = [
  'HOLDFAST_CACHE',
  'HOLDFAST_PROVISION',
  'HOLDFAST_COORDINATOR',
  'HOLDFAST_PROFILE',
  'HOLDFAST_IDENTITY',
  'HOLDFAST_TOKEN',
  'HOLDFAST_TOKEN_FILE',
  'HOLDFAST_JOIN_TOKEN',
  'HOLDFAST_CONFIG',
  'HOLDFAST_HOOK',
]

function isReserved(name: string): boolean {
  return reservedVariables.includes(name) || /^HOLDFAST_(TEST|HOOK)_/.test(name)
}

/** The only reader of the environment for configuration: the variables that start with `prefix`. */
export function readEnvironment(prefix = 'HOLDFAST_'): Environment {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith(prefix)))
}

/** The variables turned into a layer; what names no key is a problem. An empty variable counts as not given. */
export function environmentLayer(
  schema: z.core.$ZodType,
  environment: Environment,
  prefix: string,
): {
  readonly tree: Tree
  readonly names: ReadonlyMap<string, string>
  readonly problems: readonly Problem[]
} {
  const tree: Tree = {}
  const names = new Map<string, string>()
  const problems: Problem[] = []
  for (const [name, text] of Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!name.startsWith(prefix) || isReserved(name) || text === undefined || text === '') continue
    const steps = name.slice(prefix.length).split('__')
    const found = resolve(schema, steps)
    if (found === undefined) {
      const like = nearest(name, variablesOf(schema, prefix))
      problems.push({
        key: steps.map(step => step.toLowerCase()).join('.'),
        source: name,
        text: `unknown variable${like === undefined ? '' : `; did you mean ${like}?`}`,
      })
      continue
    }
    names.set(found.path.join('.'), name)
    setAt(tree, found.path, fromText(text, found.schemas))
  }
  return { tree, names, problems }
}

function resolve(
  schema: z.core.$ZodType,
  steps: readonly string[],
): { readonly path: ConfigPath; readonly schemas: readonly z.core.$ZodType[] } | undefined {
  let schemas: readonly z.core.$ZodType[] = [schema]
  const path: (string | number)[] = []
  for (const step of steps) {
    if (step === '') return undefined
    const keys = schemas.map(knownKeys)
    const named = keys
      .flatMap(each => (each === 'any' ? [] : [...each]))
      .find(key => plain(key) === plain(step))
    const key = named ?? (keys.includes('any') ? step.toLowerCase() : undefined)
    if (key === undefined) return undefined
    schemas = schemas.flatMap(each => childSchemas(each, key))
    if (schemas.length === 0) return undefined
    path.push(key)
  }
  return { path, schemas }
}

function variablesOf(schema: z.core.$ZodType, prefix: string, path: ConfigPath = []): readonly string[] {
  const keys = knownKeys(schema)
  if (keys === 'any') return path.length === 0 ? [] : [variableFor(path, prefix)]
  return [...keys].flatMap(key =>
    childSchemas(schema, key).flatMap(child => variablesOf(child, prefix, [...path, key])),
  )
}
