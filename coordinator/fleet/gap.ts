import type { Failure } from '../../shared/errors/index.ts'
import { isoOf, type Millis } from '../../shared/time/index.ts'
import type { GapReason } from '../protection/index.ts'
import type { Match } from './match-agent.ts'

/** What decides whether an instance can be backed up now. */
export interface GapInput {
  readonly engineKnown: boolean
  readonly match: Match
  /** The matched agent as heard of; absent when it never was, in this fleet's memory. */
  readonly agent?: { readonly hostname: string; readonly silent: boolean; readonly lastSeenAt: Millis }
  readonly inventoriedAt?: Millis
  readonly inventoryFailure?: Failure
}

/** Why nothing can protect an instance now (P1), the first reason that holds; undefined when nothing stands in the way. */
export function gapOf(input: GapInput): { readonly code: GapReason; readonly detail: string } | undefined {
  const { match, agent, inventoryFailure } = input
  if (!input.engineKnown)
    return { code: 'unknown-engine', detail: 'neither its service nor meta `engine` names one we know' }
  if (match.kind === 'none') return { code: 'no-agent', detail: match.detail }
  if (match.kind === 'several') return { code: 'ambiguous-agent', detail: match.detail }
  if (match.kind === 'unseen' || agent === undefined)
    return {
      code: 'agent-never-seen',
      detail: match.kind === 'unseen' ? match.detail : `agent ${match.agentId} never said hello`,
    }
  if (agent.silent)
    return {
      code: 'agent-silent',
      detail: `nothing heard of ${agent.hostname} since ${isoOf(agent.lastSeenAt)}`,
    }
  if (inventoryFailure !== undefined)
    return {
      code: reasonOf(inventoryFailure.code),
      detail: `${inventoryFailure.code}: ${inventoryFailure.message}`,
    }
  if (input.inventoriedAt === undefined)
    return { code: 'not-inventoried', detail: `${agent.hostname} did not report its databases yet` }
  return undefined
}

function reasonOf(code: string): GapReason {
  if (code === 'agent.no-credential') return 'no-credential'
  return code.startsWith('tool.') ? 'tools-missing' : 'inventory-failing'
}
