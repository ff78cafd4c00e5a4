import { Command, Option } from 'commander'
import { protocolVersion, version } from '../../shared/model/version.ts'
import type { Terminal } from './terminal.ts'

/** `holdfast-agent version`. */
export function versionCommand(terminal: Terminal): Command {
  return new Command('version')
    .description('print the version')
    .addOption(new Option('-o, --output <format>', 'form').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample:\n  $ holdfast-agent version -o json')
    .action(({ output }: { readonly output: string }) => {
      terminal.out(
        output === 'json'
          ? `${JSON.stringify({ version, protocol_version: protocolVersion, node: process.version })}\n`
          : `holdfast-agent ${version} (protocol ${protocolVersion}, node ${process.version})\n`,
      )
    })
}
