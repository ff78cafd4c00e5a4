import { z } from 'zod'
import { asWritten, parseYaml, resolveConfig, toYaml } from '../shared/config/index.ts'
import { AppError } from '../shared/errors/index.ts'
import { budgetsOf, budgetsSchema, type NamedBudgets } from './budget-config.ts'
import { type LiveSettings, liveKeys, liveProblems, liveSettingsIn } from './live-settings.ts'
import type { PolicyBook } from './policy/index.ts'
import { policySchema, settingKeys } from './policy-config.ts'
import { bookOf, documentProblems, layerKeys, type PolicyDocument } from './policy-document.ts'

/** What Consul takes for one key; a file may be no larger, so that it can move there. */
const mostBytes = 512 * 1_024

const keys = {
  policies: z.array(policySchema).optional(),
  ...layerKeys,
  /** In place of those of the configuration; absent: those. */
  budgets: budgetsSchema.optional(),
  ...liveKeys,
} as const
const documentObject = z.strictObject(keys)

/** A text of policies that was read. */
export interface ReadPolicies {
  readonly book: PolicyBook
  readonly budgets?: NamedBudgets
  readonly live?: LiveSettings
  /** What it consists of, line by line: for a diff. Rules stand under their names. */
  readonly lines: ReadonlyMap<string, string>
}

/**
 * Reads a document of policies (YAML; docs/reference/policy.md).
 *
 * @param destinations those there are; absent: they are not looked at
 * @param channels of alerts, likewise
 * @throws AppError `policy.invalid` whose `context.problems` has a line for each problem
 */
export function readPolicies(
  text: string,
  name: string,
  destinations: readonly string[] | undefined,
  channels?: readonly string[],
): ReadPolicies {
  if (Buffer.byteLength(text) > mostBytes) throw invalidPolicies([`${name}: is larger than 512 KiB`])
  const schema = documentObject.superRefine(
    (document: object, context) => {
      const known = destinations ?? namesIn(document)
      const problems = channels === undefined ? [] : liveProblems(document, channels)
      for (const each of [...documentProblems(document, known), ...problems])
        context.addIssue({ code: 'custom', path: [...each.path], message: each.text })
    },
    // also when something else is wrong: every problem is told at once
    { when: () => true },
  )
  try {
    const file = { path: name, yaml: parseYaml(text, name) }
    const { value } = resolveConfig({ schema, file, environment: {}, prefix: 'HOLDFAST_', flags: {} })
    const { budgets } = value
    const live = liveSettingsIn(value)
    return {
      book: bookOf(value),
      ...(budgets === undefined ? {} : { budgets: budgetsOf(budgets) }),
      ...(live === undefined ? {} : { live }),
      lines: linesOf(value),
    }
  } catch (thrown) {
    const error = AppError.from(thrown)
    if (error.code !== 'config.invalid') throw error
    throw invalidPolicies(error.context['problems'] as readonly string[])
  }
}

/** The configuration's own policies as such a document. */
export function textOfConfiguration(document: PolicyDocument & { readonly budgets?: unknown }): string {
  return toYaml(asWritten(documentObject, withoutEmpty(document)))
}

/** The lines of the configuration's own policies. */
export function linesOfConfiguration(document: PolicyDocument & { readonly budgets?: unknown }) {
  return linesOf(withoutEmpty(document))
}

/** One setting as people write it. */
export function showSetting(key: string, value: unknown): string {
  return oneLine(asWritten(z.strictObject(settingKeys), value, key.split('.')))
}

function withoutEmpty(document: object): object {
  return Object.fromEntries(
    Object.entries(document).filter(
      ([, each]) =>
        each !== undefined && !(Array.isArray(each) && each.length === 0) && Object.keys(each).length > 0,
    ),
  )
}

function linesOf(document: object): ReadonlyMap<string, string> {
  const lines = new Map<string, string>()
  const add = (key: string, value: unknown): void => {
    if (Array.isArray(value) && value.every(each => typeof each === 'object')) {
      // by their names: a rule in between must not change every line after it
      const names = value.map(each => String(section(each)['name'] ?? ''))
      // the first that matches, the first of equals: their order means something
      if (value.length > 1) lines.set(`${key} in order`, names.join(', '))
      for (const [index, each] of value.entries()) {
        const { name: _, ...rest } = section(each)
        lines.set(`${key}.${names[index]}`, '')
        for (const [inner, child] of Object.entries(rest)) add(`${key}.${names[index]}.${inner}`, child)
      }
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [inner, child] of Object.entries(value)) add(key === '' ? inner : `${key}.${inner}`, child)
    else lines.set(key, oneLine(value))
  }
  add('', asWritten(documentObject, document))
  return lines
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return value.map(oneLine).join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function section(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** Every destination that a document names. */
function namesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) =>
    key === 'destination' || key === 'destinations' ? [each].flat().map(String) : namesIn(each),
  )
}

/** Policies that cannot be in force, with each reason. */
export function invalidPolicies(problems: readonly string[]): AppError {
  const many = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  return new AppError('policy.invalid', {
    message: `the policies have ${many}:${problems.map(line => `\n  ${line}`).join('')}`,
    context: { problems },
  })
}
