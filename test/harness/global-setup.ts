import { startBroker } from './broker.ts'
import { brokerVariable } from './broker-client.ts'
import { provisionTool } from './provision.ts'

/**
 * Runs once for a whole run of vitest, in its main process. Starts nothing heavy: servers come up when a test first asks.
 * The tools that the agent's pipeline needs must be on PATH before the workers are forked.
 */
export default async function setUp(): Promise<() => Promise<void>> {
  for (const name of ['pv', 'zstd', 'age', 'xz', 'bzip2'] as const) {
    const tool = await provisionTool(name)
    if (!tool.available)
      process.stderr.write(`${name} cannot be had, tests that need it will fail: ${tool.reason}\n`)
  }
  const broker = await startBroker()
  process.env[brokerVariable] = broker.address
  return () => broker.stop()
}
