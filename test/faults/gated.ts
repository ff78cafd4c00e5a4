import { child } from './children.ts'
import type { Fleet } from './fleet.ts'

let gates = 0

/** A backup at work that stands still, its dump begun, its compressor waiting. */
export interface Gated {
  readonly jobId: string
  /** Lets it go on. */
  goOn(): void
}

/** Asks for a backup and waits until it runs and stands still. `host`: the agent that gets it. */
export async function gated(fleet: Fleet, database: string, host = 'host1'): Promise<Gated> {
  const gate = `gate${++gates}`
  fleet.tools.once('zstd', `gate ${gate}`)
  const jobId = await fleet.backUp(database)
  await fleet.reaches(jobId, 'running')
  await child(fleet.agent(host).pid, 'pg_dump')
  fleet.noteChildren(fleet.agent(host))
  return { jobId, goOn: () => fleet.tools.open(gate) }
}
