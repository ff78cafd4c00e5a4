import { Command, Option } from 'commander'
import { type ConfigFlags, configFrom, withConfigFlags } from './run-command.ts'
import type { Terminal } from './terminal.ts'

/** `holdfast-agent config show`: what is in effect, and where each value comes from. */
export function configCommand(terminal: Terminal): Command {
  const show = withConfigFlags(
    new Command('show').description('print the configuration in effect, with the source of each value'),
  )
    .addOption(new Option('-o, --output <format>', 'form').choices(['yaml', 'json']).default('yaml'))
    .addHelpText('after', '\nExample:\n  $ holdfast-agent config show --config /etc/holdfast/agent.yaml')
    .action((flags: ConfigFlags & { readonly output: string }) => {
      const loaded = configFrom(flags)
      terminal.out(
        flags.output === 'json' ? `${JSON.stringify(loaded.entries(), null, 2)}\n` : loaded.render(),
      )
    })
  return new Command('config').description('the configuration of the agent').addCommand(show)
}
