import { setImmediate as turn } from 'node:timers/promises'
import { AppError } from '../../../shared/errors/index.ts'
import { type AgentId, type InstanceId, isId } from '../../../shared/model/identifiers.ts'
import { type AccessScope, covers } from '../../operations/principal.ts'
import type { ReadModel } from '../../store/port.ts'
import type { AgentRecord, ClusterRecord, DatabaseRecord } from '../../store/records.ts'
import { globalsName, serviceOf } from './naming.ts'
import { invalid } from './narrow.ts'

/**
 * The one database an operator means: an id, a name, or `service/name`. Names may hold slashes themselves,
 * so a whole match is tried first. What lies outside the scope does not exist for the caller.
 *
 * @throws AppError `not-found`, `ambiguous` (with the ids to choose from)
 */
export async function resolveDatabase(
  read: ReadModel,
  scope: AccessScope,
  reference: string,
): Promise<DatabaseRecord> {
  if (reference === '') throw invalid('database', 'is missing', 'a database id, name, or service/name')
  if (isId('database', reference)) {
    const database = await read.database(reference)
    if (!database || !covers(scope, database.clusterId)) throw notFound('database', reference)
    return database
  }
  const whole = await named(read, scope, reference)
  const candidates = whole.length > 0 ? whole : await ofService(read, scope, reference)
  return theOne('database', reference, candidates)
}

/** The one agent an operator means: an id or a hostname. */
export async function resolveAgent(read: ReadModel, reference: string): Promise<AgentRecord> {
  if (isId('agent', reference)) {
    const agent = await read.agent(reference as AgentId)
    if (!agent) throw notFound('agent', reference)
    return agent
  }
  const matches: AgentRecord[] = []
  for await (const agent of everyPage(after => read.agents({ size: 1000, ...after })))
    if (agent.hostname === reference) matches.push(agent)
  return theOne('agent', reference, matches)
}

/**
 * The one agent an operator means who wants it to be refused: an id, the hostname it tells of itself, or the one its token
 * was used with; it need never have connected. Of several the one that is not revoked yet is meant.
 *
 * @throws AppError `not-found`, `ambiguous` (with the ids to choose from)
 */
export async function resolveIdentity(
  read: ReadModel,
  reference: string,
): Promise<{ readonly id: AgentId; readonly hostname: string }> {
  if (isId('agent', reference)) {
    const [known] = await read.certifiedKeysOf(reference as AgentId)
    return known === undefined
      ? resolveAgent(read, reference)
      : { id: known.agentId, hostname: known.hostname }
  }
  const found = new Map<AgentId, { readonly id: AgentId; readonly hostname: string }>()
  for (const { agentId: id, hostname } of await read.certifiedKeysOfHost(reference))
    found.set(id, { id, hostname })
  for await (const agent of everyPage(after => read.agents({ size: 1000, ...after })))
    if (agent.hostname === reference) found.set(agent.id, agent)
  const revoked = new Set((await read.revocations()).map(each => each.agentId))
  const standing = [...found.values()].filter(each => !revoked.has(each.id))
  return theOne('agent', reference, standing.length > 0 ? standing : [...found.values()])
}

/** The one instance an operator means: an id, or a service with one live instance; empty means unsaid. */
export async function resolveInstance(
  read: ReadModel,
  scope: AccessScope,
  reference: string,
): Promise<InstanceId | undefined> {
  if (reference === '') return undefined
  const matches = []
  for await (const instance of everyPage(after => read.instances({ size: 1000, ...after }, { gone: false })))
    if ((instance.id === reference || instance.service === reference) && covers(scope, instance.clusterId))
      matches.push(instance)
  return theOne('instance', reference, matches).id
}

/** The one cluster an operator means: an id, its whole name, or the service of one that is there. */
export async function resolveCluster(
  read: ReadModel,
  scope: AccessScope,
  reference: string,
): Promise<ClusterRecord> {
  if (reference === '') throw invalid('cluster', 'is missing', 'a cluster id, name, or service')
  if (isId('cluster', reference)) {
    const cluster = await read.cluster(reference)
    if (!cluster || !covers(scope, cluster.id)) throw notFound('cluster', reference)
    return cluster
  }
  const whole: ClusterRecord[] = []
  const ofService: ClusterRecord[] = []
  for await (const cluster of everyPage(after => read.clusters({ size: 1000, ...after }))) {
    if (!covers(scope, cluster.id)) continue
    if (cluster.name === reference) whole.push(cluster)
    else if (serviceOf(cluster.name) === reference) ofService.push(cluster)
  }
  return theOne('cluster', reference, preferPresent(whole.length > 0 ? whole : ofService))
}

/** Every row of a paged list. */
export async function* everyPage<T>(
  page: (after: { after?: string }) => Promise<{ readonly items: readonly T[]; readonly next?: string }>,
): AsyncIterable<T> {
  let after: { after?: string } = {}
  while (true) {
    const { items, next } = await page(after)
    yield* items
    if (next === undefined) return
    // reads of SQLite are done before they return: others get their turn between the pages
    await turn()
    after = { after: next }
  }
}

async function named(read: ReadModel, scope: AccessScope, name: string): Promise<DatabaseRecord[]> {
  const found: DatabaseRecord[] = []
  for await (const { database } of everyPage(after => read.databases({ size: 1000, ...after }, { name })))
    if (covers(scope, database.clusterId)) found.push(database)
  return preferPresent(found)
}

async function ofService(read: ReadModel, scope: AccessScope, reference: string): Promise<DatabaseRecord[]> {
  const slash = reference.indexOf('/')
  if (slash < 1) return []
  const service = reference.slice(0, slash)
  const rest = reference.slice(slash + 1)
  const clusters = new Set<string>()
  for await (const instance of everyPage(after => read.instances({ size: 1000, ...after }, {})))
    if (instance.service === service) clusters.add(instance.clusterId)
  const name = rest === globalsName ? '' : rest
  return (await named(read, scope, name)).filter(
    database => clusters.has(database.clusterId) && (name !== '' || database.scope === 'cluster'),
  )
}

/** What is gone does not make what is there under the same name ambiguous. */
function preferPresent<T extends { readonly goneSince?: number }>(found: T[]): T[] {
  const present = found.filter(each => each.goneSince === undefined)
  return present.length > 0 ? present : found
}

function theOne<T extends { readonly id: string }>(
  what: string,
  reference: string,
  matches: readonly T[],
): T {
  const [first, ...others] = matches
  if (first === undefined) throw notFound(what, reference)
  if (others.length > 0)
    throw new AppError('ambiguous', {
      message: `${matches.length} ${what}s are called \`${reference}\``,
      hint: what === 'database' ? 'Name it as service/name, or by its id.' : 'Name it by its id.',
      context: { ids: matches.slice(0, 20).map(match => match.id) },
    })
  return first
}

/** Where to look for what has no list of its own. */
const hints: Readonly<Record<string, string>> = {
  host: '`holdfast agent list` and `holdfast instance list -o json` show the hosts there are.',
  site: '`holdfast instance list -o json` shows the datacenters there are.',
}

/** Nobody is called that. */
export function notFound(what: string, reference: string): AppError {
  return new AppError('not-found', {
    message: `there is no ${what} \`${reference.slice(0, 200)}\``,
    hint: hints[what] ?? `\`holdfast ${what} list\` shows what there is.`,
  })
}
