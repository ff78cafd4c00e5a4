/** Service meta that names the agent (id or host name) of an instance. */
export const agentMeta = 'holdfast-agent'
/** Service meta that names the pool agents of an instance (ids or host names, by commas); `any` is every one. */
export const poolMeta = 'holdfast-pool'
/** Service meta that raises the importance of what its databases are promised. */
export const importanceMeta = 'holdfast-importance'

const importances = { least: 0, most: 100 }

/** What a service's meta says of its databases. All of it hints and wishes: nothing here can weaken what is promised. */
export interface ServiceWishes {
  /** Instances with the same are of one cluster. */
  readonly cluster?: string
  /** Until the server was asked. */
  readonly role?: 'primary' | 'replica'
  readonly policy?: string
  readonly importance?: number
}

/** Reads meta: what it wishes, and what of it makes no sense. */
export function readServiceMeta(meta: Readonly<Record<string, string>>): {
  readonly wishes: ServiceWishes
  readonly problems: readonly string[]
} {
  const said = (key: string) => {
    const value = Object.hasOwn(meta, key) ? (meta[key] ?? '').trim() : ''
    return value === '' ? undefined : value
  }
  const problems: string[] = []
  const cluster = said('holdfast-cluster')
  const policy = said('holdfast-policy')
  const role = said('holdfast-role')?.toLowerCase()
  const importance = said(importanceMeta)
  if (role !== undefined && role !== 'primary' && role !== 'replica')
    problems.push(`holdfast-role \`${role}\` is neither primary nor replica`)
  const weight = importance !== undefined && /^\d{1,3}$/.test(importance) ? Number(importance) : undefined
  const weighs = weight !== undefined && weight >= importances.least && weight <= importances.most
  if (importance !== undefined && !weighs)
    problems.push(`holdfast-importance \`${importance}\` is no whole number from 0 to 100`)
  return {
    wishes: {
      ...(cluster === undefined ? {} : { cluster }),
      ...(role === 'primary' || role === 'replica' ? { role } : {}),
      ...(policy === undefined ? {} : { policy }),
      ...(weighs ? { importance: weight } : {}),
    },
    problems,
  }
}
