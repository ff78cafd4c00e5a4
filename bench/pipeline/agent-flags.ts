import { run } from '../../test/harness/index.ts'
import { agentProgram } from './tools.ts'

/** Which flags this agent has; the benchmark is older than some of them. */
export interface AgentFlags {
  readonly streams: boolean
  readonly codecLevel: boolean
  readonly recipient: boolean
  readonly streamsFrom: boolean
}

/**
 * Asks the agent itself.
 *
 * @param home of the measured commands: what Node compiles now it finds there later, as it does on a host where the agent is
 *   not run for the first time (`aws` keeps its byte code too)
 */
export async function agentFlags(home: string): Promise<AgentFlags> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home }
  await run(agentProgram, ['restore', '--help'], { env })
  const { stdout } = await run(agentProgram, ['backup', '--help'], { env })
  const has = (flag: string) => new RegExp(`^\\s+${flag}\\b`, 'm').test(stdout)
  return {
    streams: has('--streams'),
    codecLevel: has('--codec-level'),
    recipient: has('--recipient'),
    streamsFrom: has('--streams-from'),
  }
}
