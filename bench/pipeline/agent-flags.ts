import { run } from '../../test/harness/index.ts'
import { agentProgram } from './tools.ts'

/** Which flags this agent has; the benchmark is older than some of them. */
export interface AgentFlags {
  readonly streams: boolean
  readonly codecLevel: boolean
  readonly recipient: boolean
  readonly streamsFrom: boolean
}

/** Asks the agent itself. */
export async function agentFlags(): Promise<AgentFlags> {
  const { stdout } = await run(agentProgram, ['backup', '--help'])
  const has = (flag: string) => new RegExp(`^\\s+${flag}\\b`, 'm').test(stdout)
  return {
    streams: has('--streams'),
    codecLevel: has('--codec-level'),
    recipient: has('--recipient'),
    streamsFrom: has('--streams-from'),
  }
}
