import { Command, CommanderError } from 'commander'
import { AppError, printFailure } from '../../shared/errors/index.ts'
import { version } from '../../shared/model/version.ts'
import { Answer } from './answer.ts'
import { backupCommand } from './backup-command.ts'
import { configCommand } from './config-command.ts'
import { restoreCommand } from './restore-command.ts'
import { runCommand } from './run-command.ts'
import type { Terminal } from './terminal.ts'
import { versionCommand } from './version-command.ts'

function program(terminal: Terminal): Command {
  const root = new Command('holdfast-agent')
    .description('back up the databases of this host, for a coordinator or by itself')
    .version(version, '-V, --version', 'print the version')
    .addHelpText(
      'after',
      '\nExamples:\n  $ holdfast-agent run --config /etc/holdfast/agent.yaml\n' +
        '  $ holdfast-agent backup --engine postgres --user backup --database orders --to s3://backups/prod',
    )
  for (const command of [runCommand, backupCommand, restoreCommand, configCommand, versionCommand])
    root.addCommand(command(terminal))
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
    if (thrown instanceof Answer) return thrown.status
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
    if (thrown instanceof CommanderError && thrown.code === 'commander.help') {
      terminal.err(program(terminal).helpInformation())
      return 2
    }
    const error =
      thrown instanceof CommanderError
        ? new AppError('usage.invalid', { message: thrown.message.replace(/^error: /, '') })
        : AppError.from(thrown)
    const failure = error.toFailure()
    if (wantsJson(argv)) terminal.out(`${JSON.stringify({ ok: false, error: failure })}\n`)
    terminal.err(`${printFailure(failure)}\n`)
    return error.traits.exit
  }
}

function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (arg, at) =>
      /^(-o|--output)=?json$/.test(arg) || (/^(-o|--output)$/.test(arg) && argv[at + 1] === 'json'),
  )
}
