import { Command } from 'commander'
import { runCommandLine } from '../../shared/command-line/index.ts'
import { version } from '../../shared/model/version.ts'
import { configCommand } from './config-command.ts'
import { initCommand } from './init-command.ts'
import { runCommand } from './run-command.ts'
import type { Terminal } from './terminal.ts'
import { versionCommand } from './version-command.ts'

function program(terminal: Terminal): Command {
  const root = new Command('holdfast-coordinator')
    .description('discover databases, decide what is due, hand jobs to agents')
    .version(version, '-V, --version', 'print the version')
    .addHelpText(
      'after',
      '\nExamples:\n  $ holdfast-coordinator init --dir /etc/holdfast/pki\n' +
        '  $ holdfast-coordinator run --config /etc/holdfast/coordinator.yaml',
    )
  for (const command of [runCommand, initCommand, configCommand, versionCommand])
    root.addCommand(command(terminal))
  return root
}

/** Runs one command line (without node and script); resolves with the exit status. */
export function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  return runCommandLine(program(terminal), argv, terminal)
}
