import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** Where standalone commands keep their journals when no folder is named: of this user, across runs. */
export function standaloneStateFolder(): string {
  const home = homedir()
  const base = process.env['XDG_STATE_HOME'] || (home === '' ? '' : join(home, '.local', 'state'))
  return base === '' ? join(tmpdir(), `holdfast-${userInfo().uid}`) : join(base, 'holdfast', 'standalone')
}
