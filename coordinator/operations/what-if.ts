import { z } from 'zod'
import { parseYaml } from '../../shared/config/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { budgetsSchema } from '../budget-config.ts'

/** What is to be supposed: everything else stays as it is. */
const schema = z.strictObject({
  slots_per_agent: z.int().min(1).max(64).optional(),
  /** Replaces all budgets. */
  budgets: budgetsSchema.optional(),
  /** Hosts whose agents are away. */
  agents_away: z.array(z.string().min(1)).optional(),
  /** Every backup takes so many times as long. */
  longer: z.number().min(0.01).max(1_000).optional(),
})

export type WhatIf = z.infer<typeof schema>

/** Reads the text of a what-if file: YAML. @throws AppError `request.invalid` naming the key */
export function parseWhatIf(text: string): WhatIf {
  if (text.trim() === '') return {}
  const yaml = parseYaml(text, 'what_if')
  if (yaml.kind === 'broken') throw wrong(yaml.problems[0]?.message ?? 'is no YAML')
  const checked = schema.safeParse(yaml.text.value ?? {})
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw wrong(`${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'is not understood'}`)
}

/** A host with a slip in its name would be away for nothing, and every promise kept. @throws AppError `request.invalid` */
export function demandKnownHosts({ agents_away: away = [] }: WhatIf, known: ReadonlySet<string>): void {
  const unknown = away.filter(each => !known.has(each))
  if (unknown.length > 0) throw wrong(`agents_away: no agent has the host name ${unknown.join(', ')}`)
}

function wrong(problem: string): AppError {
  return new AppError('request.invalid', {
    message: `what_if: ${problem}`,
    context: {
      field: 'what_if',
      problem,
      expected: 'YAML with slots_per_agent, budgets, agents_away, longer',
    },
  })
}
