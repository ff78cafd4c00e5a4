import { logFields } from './fields.ts'

/** The version of the Elastic Common Schema whose names are used. */
export const ecsVersion = '8.11.0'

/**
 * Fields by their names in the Elastic Common Schema; what has none there stands below `holdfast.`. The job keeps its
 * own name beside `trace.id`.
 */
export function ecsFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const named: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'error' && typeof value === 'object' && value !== null) {
      Object.assign(named, ecsError(value as Record<string, unknown>))
      continue
    }
    named[logFields[key]?.ecs ?? `holdfast.${key}`] = value
    if (key === 'job_id') named['holdfast.job_id'] = value
  }
  return named
}

function ecsError({ type, message, code, stack, ...more }: Readonly<Record<string, unknown>>) {
  return {
    ...(type === undefined ? {} : { 'error.type': type }),
    'error.message': message,
    ...(code === undefined ? {} : { 'error.code': code }),
    ...(stack === undefined ? {} : { 'error.stack_trace': stack }),
    ...(Object.keys(more).length === 0 ? {} : { 'holdfast.error': more }),
  }
}
