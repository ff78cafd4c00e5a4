import type { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import { parseDuration } from '../../shared/time/index.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { approvable, approvableOf, mutating, mutationOf } from '../mutation.ts'
import { instant } from '../print/units.ts'

/** `holdfast agent token create` and `holdfast agent revoke`: who joins the fleet, and who is out of it. */
export function joining(terminal: Terminal): readonly Command[] {
  const create = leaf(
    terminal,
    {
      name: 'create',
      summary: 'make a one-time token with which a host joins',
      examples: [
        'holdfast agent token create --host db-host-7 --ttl 1h',
        'holdfast agent token create | ssh db-host-7 holdfast-agent join --token-file -',
      ],
    },
    command =>
      mutating(
        command
          .option('--host <name>', 'only a host of that name may use it')
          .option('--ttl <duration>', 'how long it may be used, at most 7d', '1h'),
      ),
    async ({ coordinator, print, forPeople }, _args, options) => {
      const answer = await coordinator.ask('createJoinToken', {
        ...mutationOf(options),
        host: typeof options.host === 'string' ? options.host : '',
        ttlMs: ttlOf(String(options.ttl)),
      })
      print(answer, () => answer.token)
      // beside the token, so that a pipe gets the token alone
      if (forPeople) terminal.err(`shown once; it ends ${instant(answer.expiresAt)}\n`)
    },
  )
  const revoke = leaf(
    terminal,
    {
      name: 'revoke',
      summary: 'refuse an agent from now on, and cut its stream',
      examples: ['holdfast agent revoke db-host-7 --reason "host was stolen, INC-31"'],
    },
    command => approvable(command.argument('<agent>', 'agent id or hostname')),
    async ({ coordinator, print }, [agent = ''], options) => {
      const answer = await coordinator.ask('revokeAgent', { agent, ...approvableOf(options) })
      print(answer, () => `${answer.hostname} (${answer.agentId}) is revoked; its backups stay good`)
    },
  )
  return [noun('token', 'one-time tokens with which hosts join', [create]), revoke]
}

function ttlOf(text: string): number {
  const ttl = parseDuration(text)
  if (ttl === undefined)
    throw new AppError('usage.invalid', { message: `--ttl: \`${text}\` is no duration such as 1h` })
  return ttl
}
