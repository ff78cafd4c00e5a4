import { AppError } from '../../shared/errors/index.ts'
import type { ToolFinder } from '../engines/port.ts'
import { runCommand } from './run.ts'

/** Another user of this host, whom programs are run as. */
export interface OtherUser {
  readonly uid: number
  readonly gid: number
  /** What a program is started through to become it (`Command.through`). */
  readonly through: readonly string[]
}

/**
 * Finds a user of this host. Becoming another one ends a death signal, so that it is asked for once more.
 *
 * @throws AppError `verify.user-missing` when there is none of that name, `tool.missing`
 */
export async function otherUser(name: string, tools: ToolFinder): Promise<OtherUser> {
  const id = await tools.find(['id'], [], 'path')
  const setpriv = await tools.find(['setpriv'], [], 'path')
  const asked = async (what: '-u' | '-g') => {
    try {
      const { stdout } = await runCommand(
        { name: 'id', program: id.path, args: [what, '--', name] },
        { tools },
      )
      return Number(stdout.trim())
    } catch (cause) {
      throw new AppError('verify.user-missing', {
        message: 'there is no such user on this host',
        context: { user: name },
        cause,
      })
    }
  }
  const [uid, gid] = [await asked('-u'), await asked('-g')]
  return {
    uid,
    gid,
    through: [
      setpriv.path,
      ...[`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all', '--no-new-privs'],
      ...['--pdeathsig', 'KILL', '--'],
    ],
  }
}
