import { AppError } from '../../../shared/errors/index.ts'
import type {
  ApplyPoliciesRequest,
  ApplyPoliciesResponse,
  CheckPoliciesRequest,
  CheckPoliciesResponse,
  GetEffectivePolicyRequest,
  GetEffectivePolicyResponse,
  GetPoliciesRequest,
  GetPoliciesResponse,
  PolicyChangeEntry,
  PolicyFinding,
  PolicyRuleEntry,
} from '../../../shared/wire/gen/holdfast/v1/operator.ts'
import type { AccessScope } from '../../operations/principal.ts'
import type { PolicyChange, PolicyRule } from '../../policy/index.ts'
import type { Finding } from '../../policy/lint/index.ts'
import { showSetting } from '../../policy-text.ts'
import type { CallContext } from '../handle.ts'
import type { OperatorDeps } from './deps.ts'
import { globalsName } from './naming.ts'
import { invalid } from './narrow.ts'
import { resolveDatabase } from './resolve.ts'

/** GetPolicies: those in force, or the text of a revision. */
export function getPolicies({ store, operations }: OperatorDeps) {
  return async (
    { revision: asked }: GetPoliciesRequest,
    { scope }: CallContext,
  ): Promise<GetPoliciesResponse> => {
    wholeFleet(scope)
    if (asked < 0) throw invalid('revision', 'is negative', 'a revision, or 0 for what is in force')
    if (asked > 0) {
      const known = await store.read.policyRevision(asked)
      if (known === undefined)
        throw new AppError('not-found', {
          message: `there is no revision ${asked} of the policies`,
          hint: '`holdfast audit list --action policies.changed` shows what there is.',
        })
      return { ...revisionToWire(known), kind: '', rules: [], findings: [], problem: '', problemSince: 0 }
    }
    const { inForce, problem, findings, databases } = await operations.policies()
    const known = await store.read.policyRevision(inForce.revision)
    return {
      ...revisionToWire({
        ...{ at: 0, by: '', reason: '', ...known },
        ...{ revision: inForce.revision, home: inForce.home, text: inForce.text },
      }),
      kind: inForce.book.kind,
      rules: inForce.book.rules.map(rule => ruleToWire(rule, databases.get(rule) ?? 0)),
      findings: findings.map(each => findingToWire(each, true)),
      problem: problem?.message ?? '',
      problemSince: problem?.since ?? 0,
    }
  }
}

/** GetEffectivePolicy: what holds for a database, and who gave each value. */
export function getEffectivePolicy({ store, operations }: OperatorDeps) {
  return async (
    request: GetEffectivePolicyRequest,
    { scope }: CallContext,
  ): Promise<GetEffectivePolicyResponse> => {
    const database = await resolveDatabase(store.read, scope, request.database)
    const cluster = await store.read.cluster(database.clusterId)
    const { policy, settings, rules, disagreements } = operations.effectivePolicy(database)
    return {
      databaseId: database.id,
      name: `${cluster?.name ?? database.clusterId}/${database.scope === 'cluster' ? globalsName : database.name}`,
      policy: policy?.name ?? '',
      version: policy?.version ?? '',
      settings: settings.map(({ key, value, rule, meta }) => ({
        key,
        value: showSetting(key, value),
        rule: meta ?? rule?.name ?? '',
        layer: meta === undefined ? (rule?.layer ?? 'default') : 'service meta',
      })),
      rules: rules.map(each => each.name),
      disagreements: disagreements.map(
        ({ settings: keys, holds, yields }) =>
          `${holds} and ${yields} are of equal rank and disagree on ${keys.join(', ')}; ${holds} is written first and holds`,
      ),
      everyMs: policy?.schedule.every ?? 0,
    }
  }
}

/** CheckPolicies: what a text is and would change. */
export function checkPolicies({ operations }: OperatorDeps) {
  return async ({ text }: CheckPoliciesRequest, { scope }: CallContext): Promise<CheckPoliciesResponse> => {
    wholeFleet(scope)
    const { problems, changes, review, revision } = await operations.checkPolicies(text)
    return {
      problems: [...problems],
      findings: review.findings.map(each => findingToWire(each, !review.fresh.includes(each))),
      changes: changes.map(changeToWire),
      effects: review.effects.map(({ before, after, count, examples }) => ({
        ...{ before, after, databases: count },
        examples: [...examples],
      })),
      databasesChanged: review.changed,
      databases: review.databases,
      revision,
    }
  }
}

/** ApplyPolicies: puts a text in force. */
export function applyPolicies({ operations }: OperatorDeps) {
  return async (
    request: ApplyPoliciesRequest,
    { principal }: CallContext,
  ): Promise<ApplyPoliciesResponse> => {
    const { requestId, reason, text, fromConfiguration, expectedRevision, approval } = request
    if (fromConfiguration && text !== '')
      throw invalid('text', 'is given beside from_configuration', 'one of the two')
    if (!fromConfiguration && text.trim() === '')
      throw invalid('text', 'is empty', 'policies as YAML: to have none, say so with `policies: []`')
    const { revision, changes } = await operations.applyPolicies(principal, {
      ...{ requestId, reason, text, fromConfiguration, approval },
      ...(expectedRevision === 0 ? {} : { expected: expectedRevision }),
    })
    return { revision, changes: changes.map(changeToWire) }
  }
}

function wholeFleet(scope: AccessScope): void {
  if (scope.kind !== 'fleet')
    throw new AppError('access.denied', {
      message: 'policies are of the whole fleet, your scope is not; ask for the policy of a database',
    })
}

function revisionToWire(each: {
  readonly revision: number
  readonly home: string
  readonly at: number
  readonly by: string
  readonly reason: string
  readonly text: string
}) {
  const { revision, home, at, by, reason, text } = each
  return { revision, home, at, changedBy: by, reason, text }
}

function ruleToWire(
  { name, layer, selector, rank, settings }: PolicyRule,
  databases: number,
): PolicyRuleEntry {
  return {
    name,
    layer,
    match: Object.entries(selector)
      .map(([key, values]) => `${key} ${values.join(', ')}`)
      .join('; '),
    rank,
    settings: Object.entries(settings).map(([key, value]) => ({
      ...{ key, value: showSetting(key, value), rule: name, layer },
    })),
    databases,
  }
}

function findingToWire({ severity, code, where, text }: Finding, stands: boolean): PolicyFinding {
  return { severity, code, where, text, stands }
}

function changeToWire({ key, before, after }: PolicyChange): PolicyChangeEntry {
  const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'
  return { key, before: before ?? '', after: after ?? '', kind }
}
