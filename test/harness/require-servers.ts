import { askBroker } from './broker-client.ts'
import { provision } from './provision.ts'
import type { ServiceName } from './recipes.ts'

/** Whether a suite must be skipped, for `describe.skipIf(servers.missing)`. */
export interface Requirement {
  readonly missing: boolean
  readonly reason?: string
}

/**
 * Makes sure that the services a suite needs can be had (fetching them if need be). When one cannot, says
 * `SKIPPED: <suite>: <reason>` on stderr and in the run's summary; a skip is never silent.
 */
export async function requireServers(suite: string, ...names: ServiceName[]): Promise<Requirement> {
  const reasons: string[] = []
  for (const name of names) {
    const found = await provision(name)
    if (!found.available) reasons.push(found.reason)
    else if (name === 's3') reasons.push(...(await trySharedS3()))
  }
  if (reasons.length === 0) return { missing: false }
  const reason = reasons.join('; ')
  process.stderr.write(`SKIPPED: ${suite}: ${reason}\n`)
  await askBroker('/skip', { suite, reason })
  return { missing: true, reason }
}

// Ceph comes from a Debian suite that changes daily: that it could be fetched does not mean that it runs
async function trySharedS3(): Promise<string[]> {
  try {
    await askBroker('/s3')
    return []
  } catch (error) {
    return [
      `the S3 server does not start: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`,
    ]
  }
}
