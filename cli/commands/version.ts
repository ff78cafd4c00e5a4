import type { Command } from 'commander'
import { version } from '../../shared/model/version.ts'
import { leaf, type Terminal } from '../command.ts'

/** `holdfast version`: this client, and the coordinator when it answers. */
export function versionCommand(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'version',
      summary: 'show the versions of this client and of the coordinator',
      examples: ['holdfast version', 'holdfast version --client'],
    },
    command => command.option('--client', 'only the client; asks nobody'),
    async ({ coordinator, print }, _args, options) => {
      if (options.client === true) return print({ client: version }, () => `client ${version}`)
      const status = await coordinator.ask('getStatus', {})
      print(
        { client: version, coordinator: status.version },
        () => `client ${version}\ncoordinator ${status.version}`,
      )
    },
  )
}
