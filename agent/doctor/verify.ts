import { engineKinds } from '../../shared/model/engine.ts'
import type { AgentConfig } from '../config.ts'
import type { Engine, ToolFinder } from '../engines/port.ts'
import { freeSpace } from '../host/free-space.ts'
import type { DoctorFinding } from './finding.ts'
import { nearestFolder } from './host.ts'

/** What backups this host could prove by restoring them; nothing where it is not configured to. Starts no server. */
export async function checkVerify(
  verify: AgentConfig['verify'],
  engineFor: (kind: string) => Engine,
  tools: ToolFinder,
): Promise<readonly DoctorFinding[]> {
  if (verify === undefined) return []
  const finding = (subject: string, level: DoctorFinding['level'], detail: string): DoctorFinding => ({
    ...{ area: 'verify', subject, level, detail },
  })
  const free = await freeSpace(await nearestFolder(verify.folder))
  const room = Math.max(0, Math.floor((free - 2 ** 30) / 1.5 / 2 ** 30))
  const servers = await Promise.all(
    engineKinds.map(async kind => {
      const versions = (await engineFor(kind).throwaway?.versions(tools, verify.user)) ?? []
      return versions.length === 0
        ? undefined
        : finding(`verify ${kind}`, 'ok', `can restore into ${versions.join(', ')}`)
    }),
  )
  const found = servers.filter(each => each !== undefined)
  const nobody = process.getuid?.() === 0 && verify.user === undefined
  return [
    finding(verify.folder, room === 0 ? 'warning' : 'ok', `room for a database of ${room} GiB`),
    ...(nobody
      ? [
          finding(
            'verify.user',
            'problem',
            'not set: servers do not run as root; name a user that owns nothing else',
          ),
        ]
      : []),
    ...found,
    ...(found.length === 0 && !nobody
      ? [
          finding(
            'verify',
            'problem',
            verify.user === undefined
              ? 'no server program was found: install the servers whose backups are to be verified'
              : `no server program was found that ${verify.user} could run, or there is no such user`,
          ),
        ]
      : []),
  ]
}
