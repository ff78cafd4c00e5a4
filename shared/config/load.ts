import { basename } from 'node:path'
import type { z } from 'zod'
import { AppError } from '../errors/index.ts'
import { type Environment, environmentLayer } from './environment.ts'
import { type Layer, mergeLayers } from './layers.ts'
import { isTree, setAt, showPath, type Tree } from './path.ts'
import { type Problem, problemsOf, showProblem, takeUnknownKeys } from './problem.ts'
import { type ConfigEntry, entriesOf, renderYaml } from './render.ts'
import { schemasAt } from './shape.ts'
import { fromText } from './text-value.ts'
import { type ParsedYaml, readYamlFile } from './yaml-file.ts'

/** Effective configuration. */
export interface Loaded<T> {
  readonly value: T
  /** Dotted key → `coordinator.yaml:12`, `HOLDFAST_STORE__URL`, `flag store.url`; keys not in it are defaults. */
  readonly sources: ReadonlyMap<string, string>
  /** Every effective value with its source, secrets redacted: `config show -o json`. */
  entries(): readonly ConfigEntry[]
  /** The same as YAML: `config show`. */
  render(): string
}

export interface LoadOptions<S extends z.ZodType> {
  readonly schema: S
  /** A YAML file that must exist when given. */
  readonly file?: string
  readonly environment: Environment
  readonly prefix: 'HOLDFAST_'
  /** Keys dotted or nested; undefined is not given. Texts are read as variables are. */
  readonly flags: Readonly<Record<string, unknown>>
}

/**
 * Loads a configuration: defaults < file < environment < flags.
 * Throws `config.unreadable`, or `config.invalid` whose `context.problems` has a line for every problem there is.
 */
export function loadConfig<S extends z.ZodType>(options: LoadOptions<S>): Loaded<z.infer<S>> {
  const { file, ...rest } = options
  return resolveConfig({
    ...rest,
    ...(file === undefined ? {} : { file: { path: file, yaml: readYamlFile(file) } }),
  })
}

export interface ResolveOptions<S extends z.ZodType> extends Omit<LoadOptions<S>, 'file'> {
  readonly file?: { readonly path: string; readonly yaml: ParsedYaml }
}

/** The pure half of `loadConfig`: what was read goes in, the configuration or all its problems come out. */
export function resolveConfig<S extends z.ZodType>(options: ResolveOptions<S>): Loaded<z.infer<S>> {
  const { schema, prefix } = options
  const problems: Problem[] = []
  const file = fileLayer(options.file, problems)
  const environment = environmentLayer(schema, options.environment, prefix)
  problems.push(...environment.problems)
  const { tree, sources } = mergeLayers([
    file,
    { tree: environment.tree, sourceOf: path => nameOf(environment.names, path) },
    { tree: flagTree(schema, options.flags), sourceOf: path => `flag ${showPath(path)}` },
  ])
  const known = takeUnknownKeys(schema, tree, sources)
  problems.push(...known.problems)
  const parsed = schema.safeParse(known.tree)
  if (!parsed.success) {
    // strict schemas tell unknown keys too; those were told already, and better
    const issues = parsed.error.issues.filter(issue => issue.code !== 'unrecognized_keys')
    problems.push(...problemsOf(issues, { schema, tree: known.tree, sources, prefix }))
  }
  if (problems.length > 0 || !parsed.success) throw invalid(problems, options.file?.path)
  const value: z.infer<S> = parsed.data
  const context = { schema, sources }
  return {
    value,
    sources: sources.leaves,
    entries: () => entriesOf(value, context),
    render: () => renderYaml(value, context),
  }
}

function fileLayer(
  file: { readonly path: string; readonly yaml: ParsedYaml } | undefined,
  problems: Problem[],
): Layer {
  const empty: Layer = { tree: {}, sourceOf: () => 'file' }
  if (file === undefined) return empty
  if (file.yaml.kind === 'broken') {
    problems.push(...file.yaml.problems.map(each => ({ key: '', source: each.source, text: each.message })))
    return empty
  }
  const { value, sourceOf } = file.yaml.text
  if (value === null || value === undefined) return empty
  if (isTree(value)) return { tree: withoutNulls(value), sourceOf }
  problems.push({ key: '', source: basename(file.path), text: 'expected keys with values' })
  return empty
}

/** `store:` with nothing below it, all commented out, means: not given. */
function withoutNulls(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, isTree(value) ? withoutNulls(value) : value]),
  )
}

/** A variable may hold a whole section as JSON, and a section may be made of several variables. */
function nameOf(names: ReadonlyMap<string, string>, path: readonly (string | number)[]): string {
  for (let length = path.length; length > 0; length--) {
    const name = names.get(showPath(path.slice(0, length)))
    if (name !== undefined) return name
  }
  const inside = [...names].filter(([key]) => key.startsWith(`${showPath(path)}.`))
  return inside.map(([, name]) => name).join(', ') || 'environment'
}

function flagTree(schema: z.core.$ZodType, flags: Readonly<Record<string, unknown>>): Tree {
  const tree: Tree = {}
  const put = (path: readonly string[], value: unknown): void => {
    if (value === undefined) return
    if (isTree(value)) {
      for (const [key, child] of Object.entries(value)) put([...path, ...key.split('.')], child)
      return
    }
    setAt(tree, path, typeof value === 'string' ? fromText(value, schemasAt(schema, path)) : value)
  }
  put([], flags)
  return tree
}

function invalid(problems: readonly Problem[], file: string | undefined): AppError {
  const lines = problems.map(showProblem)
  return new AppError('config.invalid', {
    message:
      lines.length === 1
        ? `the configuration has a problem: ${lines[0]}`
        : `the configuration has ${lines.length} problems:${lines.map(line => `\n  ${line}`).join('')}`,
    context: { ...(file === undefined ? {} : { file }), problems: lines },
  })
}
