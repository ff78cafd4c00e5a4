import type { Command } from 'commander'
import { leaf, noun, type Terminal } from '../command.ts'
import { approvable, approvableOf } from '../mutation.ts'
import { waitExits, waitFor, waitOption } from '../wait.ts'

/** `holdfast restore start`. */
export function restoreCommand(terminal: Terminal): Command {
  const start = leaf(
    terminal,
    {
      name: 'start',
      summary: 'restore a backup into a new database',
      examples: ['holdfast restore start --backup bak_01890a5d-… --into orders_copy --wait'],
      exits: waitExits,
    },
    command =>
      waitOption(
        approvable(
          command
            .requiredOption('--backup <backup>', 'backup id')
            .requiredOption('--into <name>', 'name of the new database; must not exist')
            .option(
              '--instance <instance>',
              'instance id or service to restore on; default: where it came from',
            ),
        ),
      ),
    async (session, _args, options) => {
      const answer = await session.coordinator.ask('startRestore', {
        backupId: String(options.backup),
        into: String(options.into),
        instance: String(options.instance ?? ''),
        ...approvableOf(options),
      })
      const { backup } = await session.coordinator.ask('getBackup', { backupId: String(options.backup) })
      const { verdict = '', detail = '' } = backup?.verification ?? {}
      if (detail !== '' && session.forPeople)
        terminal.err(
          `warning: this backup was found bad (${verdict}: ${detail}); look at what is restored before anybody uses it\n`,
        )
      await waitFor(session, answer.job, options, 'queued')
    },
  )
  return noun('restore', 'bringing data back', [start])
}
