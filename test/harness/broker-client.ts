/** Environment variable with the address of the run's broker; set by the global set-up for all workers. */
export const brokerVariable = 'HOLDFAST_TEST_BROKER'

/** Asks the run's broker, a small HTTP server in vitest's main process. Undefined outside vitest; throws with the broker's reason on failure. */
export async function askBroker<T>(path: string, body: unknown = {}): Promise<T | undefined> {
  const address = process.env[brokerVariable]
  if (!address) return undefined
  const response = await fetch(`${address}${path}`, { method: 'POST', body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text) as T
}
