import { Command } from 'commander'
import { protocolVersion, version } from '../../shared/model/version.ts'
import type { Terminal } from './terminal.ts'

/** `version`: program, protocol and runtime. */
export function versionCommand(terminal: Terminal): Command {
  return new Command('version')
    .description('print the version')
    .addHelpText('after', '\nExample:\n  $ holdfast-coordinator version')
    .action(() => {
      terminal.out(`holdfast-coordinator ${version} (protocol ${protocolVersion}, node ${process.version})\n`)
    })
}
