import { Command, CommanderError } from 'commander'
import { AppError, printFailure } from '../../shared/errors/index.ts'
import { version } from '../../shared/model/version.ts'
import { configCommand } from './config-command.ts'
import { runCommand } from './run-command.ts'
import type { Terminal } from './terminal.ts'
import { versionCommand } from './version-command.ts'

function program(terminal: Terminal): Command {
  const root = new Command('holdfast-coordinator')
    .description('discover databases, decide what is due, hand jobs to agents')
    .version(version, '-V, --version', 'print the version')
    .addHelpText(
      'after',
      '\nExample:\n  $ holdfast-coordinator run --config /etc/holdfast/coordinator.yaml --insecure-loopback',
    )
  for (const command of [runCommand, configCommand, versionCommand]) root.addCommand(command(terminal))
  tame(root, terminal)
  return root
}

/** Commander neither exits nor writes by itself, on any level. */
function tame(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: () => {} })
    .showSuggestionAfterError()
  for (const inner of command.commands) tame(inner, terminal)
}

/** Runs one command line (without node and script); resolves with the exit status. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program(terminal).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
    if (thrown instanceof CommanderError && thrown.code === 'commander.help') {
      terminal.err(program(terminal).helpInformation())
      return 2
    }
    const error =
      thrown instanceof CommanderError
        ? new AppError('usage.invalid', { message: thrown.message.replace(/^error: /, '') })
        : AppError.from(thrown)
    terminal.err(`${printFailure(error.toFailure())}\n`)
    return error.traits.exit
  }
}
