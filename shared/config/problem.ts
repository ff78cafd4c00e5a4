import type { z } from 'zod'
import { isSecretKey, redacted, redactText } from '../log/redact.ts'
import { type Sources, sourceNear } from './layers.ts'
import { nearest } from './nearest.ts'
import { type ConfigPath, isTree, setKey, showPath, type Tree, valueAt } from './path.ts'
import { childSchemas, formAt, knownKeys, schemasAt } from './shape.ts'
import { variableFor } from './variable-name.ts'

/** Keys that are named where one is unknown: more is no help. */
const mostListed = 12

/** One thing wrong with the configuration. */
export interface Problem {
  readonly key: string
  /** `coordinator.yaml:12`, `HOLDFAST_STORE__URL`, `flag store.url`; `not set` for what is missing. */
  readonly source: string
  readonly text: string
}

/** A problem as a line: key, source, what is expected. */
export function showProblem(problem: Problem): string {
  return `${problem.key === '' ? '' : `${problem.key} `}(${problem.source}): ${problem.text}`
}

/** Takes the keys out of `tree` that no schema knows, and tells each with the nearest known one. */
export function takeUnknownKeys(
  schema: z.core.$ZodType,
  tree: Tree,
  sources: Sources,
): { readonly tree: Tree; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const walk = (value: unknown, schemas: readonly z.core.$ZodType[], path: ConfigPath): unknown => {
    if (schemas.length === 0) return value
    if (Array.isArray(value))
      return value.map((item, index) =>
        walk(
          item,
          schemas.flatMap(each => childSchemas(each, index)),
          [...path, index],
        ),
      )
    if (!isTree(value)) return value
    const lists = schemas.map(knownKeys)
    const known = lists.includes('any') ? undefined : lists.flatMap(list => (list === 'any' ? [] : [...list]))
    const kept: Tree = {}
    for (const [key, item] of Object.entries(value)) {
      const at = [...path, key]
      if (known === undefined || known.includes(key))
        setKey(
          kept,
          key,
          walk(
            item,
            schemas.flatMap(each => childSchemas(each, key)),
            at,
          ),
        )
      else
        problems.push({
          key: showPath(at),
          source: sourceNear(sources, at) ?? 'unknown',
          text: unknownKey(key, path, known),
        })
    }
    return kept
  }
  return { tree: walk(tree, [schema], []) as Tree, problems }
}

function unknownKey(key: string, path: ConfigPath, known: readonly string[]): string {
  const asFile = known.find(each => each === `${key}_file`)
  if (asFile !== undefined) return `secrets are given as files: use ${showPath([...path, asFile])}`
  const like = nearest(key, known)
  if (like !== undefined) return `unknown key; did you mean ${showPath([...path, like])}?`
  const more = known.length - mostListed
  return `unknown key; expected one of ${known.slice(0, mostListed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** What the schema finds wrong, in words with sources. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  context: {
    readonly schema: z.core.$ZodType
    readonly tree: Tree
    readonly sources: Sources
    readonly prefix: string
  },
): readonly Problem[] {
  return issues
    .flatMap(issue => flatten(issue))
    .map(issue => {
      const path = issue.path.map(step => (typeof step === 'symbol' ? String(step) : step))
      const given = valueAt(context.tree, path)
      const expected = expectation(issue, schemasAt(context.schema, path))
      if (given === undefined && path.length > 0 && issue.code !== 'custom') {
        return {
          key: showPath(path),
          source: 'not set',
          text: `missing, ${expected}${howToSet(path, context.prefix)}`,
        }
      }
      const told = expected.startsWith('expected ') ? `, got ${show(given, path)}` : ''
      return {
        key: showPath(path),
        source: sourceNear(context.sources, path) ?? 'default',
        text: expected + told,
      }
    })
}

/** A variable cannot reach into a list. */
function howToSet(path: ConfigPath, prefix: string): string {
  return path.some(step => typeof step === 'number')
    ? ''
    : `; set it in the file or as ${variableFor(path, prefix)}`
}

/** A union fails once per branch: the branch that got furthest is the one that was meant. */
function flatten(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
  const depth = (branch: readonly z.core.$ZodIssue[]) => Math.max(...branch.map(each => each.path.length))
  const branches = [...issue.errors].sort((a, b) => depth(b) - depth(a))
  const [best] = branches
  if (best === undefined || depth(best) === 0) return [issue]
  return best.flatMap(inner => flatten({ ...inner, path: [...issue.path, ...inner.path] }))
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with keys',
  record: 'a section with names',
}

function expectation(issue: z.core.$ZodIssue, schemas: readonly z.core.$ZodType[]): string {
  const form = formAt(schemas)
  if (issue.code === 'custom' && !issue.message.startsWith('expected ')) return issue.message
  if (form !== undefined) return `expected ${form.expected}`
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${kinds[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`
    case 'invalid_format':
      return `expected ${issue.format === 'regex' ? `text of the form ${issue.pattern ?? ''}` : `a valid ${issue.format}`}`
    case 'invalid_union': {
      const branches = issue.errors.map(branch => branch[0]).filter(first => first !== undefined)
      const all = new Set(branches.map(first => expectation(first, []).replace(/^expected /, '')))
      return `expected ${[...all].join(' or ')}`
    }
    default: {
      const [, rule] = /expected (.*)$/.exec(issue.message) ?? []
      return rule === undefined
        ? issue.message.replace(/^./, first => first.toLowerCase())
        : `expected ${rule}`
    }
  }
}

function show(value: unknown, path: ConfigPath): string {
  if (isSecretKey(String(path.at(-1) ?? ''))) return redacted
  if (Array.isArray(value)) return 'a list'
  if (isTree(value)) return 'a section'
  const text = redactText(JSON.stringify(value) ?? 'nothing')
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
