import { Command } from 'commander'
import { loadCoordinatorConfig } from '../config.ts'
import type { Terminal } from './terminal.ts'

/** `config show`: the effective values with their sources, secrets redacted. */
export function configCommand(terminal: Terminal): Command {
  const show = new Command('show')
    .description('print the effective configuration and where each value comes from')
    .option('-c, --config <file>', 'configuration file (HOLDFAST_CONFIG)')
    .option('-o, --output <form>', 'yaml or json', 'yaml')
    .addHelpText(
      'after',
      '\nExample:\n  $ holdfast-coordinator config show --config /etc/holdfast/coordinator.yaml',
    )
    .action((options: { config?: string; output: string }) => {
      const loaded = loadCoordinatorConfig(options.config, {})
      terminal.out(
        options.output === 'json' ? `${JSON.stringify(loaded.entries(), null, 2)}\n` : loaded.render(),
      )
    })
  return new Command('config').description('look at the configuration').addCommand(show)
}
