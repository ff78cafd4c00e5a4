import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { newId } from '../../shared/clock/index.ts'
import type { Log } from '../../shared/log/index.ts'
import { type AgentId, isId } from '../../shared/model/identifiers.ts'
import type { DurableFolder } from './durable-folder.ts'

/** Who this agent is (architecture §3). */
export interface Identity {
  readonly agentId: AgentId
  /** Random, kept in the state folder: two live ones with one agent id are a cloned host. */
  readonly instanceId: string
  /** New at every start of the process. */
  readonly bootId: string
}

const schema = z.object({
  version: z.literal(1),
  agent_id: z.string().refine(text => isId('agent', text)),
  instance_id: z.uuid(),
})

const file = 'identity.json'

/**
 * The identity kept in the state folder, made at the first start. A file that is none is set aside, with a
 * warning, and the agent becomes a new one: nothing that was lost could be guessed.
 */
export async function loadIdentity(state: DurableFolder, log: Log): Promise<Identity> {
  const bootId = randomUUID()
  const bytes = await state.read(file)
  if (bytes !== undefined) {
    const kept = parse(bytes)
    if (kept !== undefined) return { ...kept, bootId }
    await state.move(file, state, `${file}.damaged`)
    log.warn('the identity file was damaged and is set aside; this is a new agent now', {
      path: state.path,
      file,
    })
  }
  const identity = { agentId: newId('agent'), instanceId: randomUUID() }
  await state.write(
    file,
    `${JSON.stringify({ version: 1, agent_id: identity.agentId, instance_id: identity.instanceId })}\n`,
  )
  return { ...identity, bootId }
}

function parse(bytes: Buffer): Omit<Identity, 'bootId'> | undefined {
  try {
    const { agent_id, instance_id } = schema.parse(JSON.parse(bytes.toString('utf8')))
    return { agentId: agent_id as AgentId, instanceId: instance_id }
  } catch {
    return undefined
  }
}
