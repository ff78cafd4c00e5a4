import { engineKinds } from '../../shared/model/engine.ts'
import type { VerifyServer } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { Surroundings } from './surroundings.ts'

/** What this host can start to restore into, for Hello; empty where it verifies nothing. */
export async function verifyServers({
  verifying,
  engineFor,
  tools,
}: Pick<Surroundings, 'verifying' | 'engineFor' | 'tools'>): Promise<VerifyServer[]> {
  if (verifying === undefined) return []
  const found = await Promise.all(
    engineKinds.map(async engine => {
      // a kind of engine that this version does not serve has none
      const versions = await Promise.resolve()
        .then(() => engineFor(engine).throwaway?.versions(tools, verifying.user))
        .catch(() => undefined)
      return (versions ?? []).map(version => ({ engine, version }))
    }),
  )
  return found.flat()
}
