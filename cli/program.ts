import { Command, CommanderError } from 'commander'
import { AppError } from '../shared/errors/index.ts'
import { printFailure } from '../shared/errors/print.ts'
import { version } from '../shared/model/version.ts'
import { Answer, type Terminal } from './command.ts'
import { agentCommand } from './commands/agent.ts'
import { alertCommand } from './commands/alert.ts'
import { auditCommand } from './commands/audit.ts'
import { backupCommand } from './commands/backup.ts'
import { databaseCommand } from './commands/database.ts'
import { gapCommand } from './commands/gap.ts'
import { instanceCommand } from './commands/instance.ts'
import { jobCommand } from './commands/job.ts'
import { restoreCommand } from './commands/restore.ts'
import { statusCommand } from './commands/status.ts'
import { versionCommand } from './commands/version.ts'
import { json } from './print/json.ts'

/** All commands, in the order `--help` shows them. */
function program(terminal: Terminal): Command {
  const root = new Command('holdfast')
    .description('ask and steer the coordinator of your backups')
    .version(version, '-V, --version', 'print the version of this client')
    .addHelpText(
      'after',
      '\nExamples:\n  $ holdfast status\n  $ holdfast gap list\n  $ holdfast backup start orders --wait',
    )
  for (const command of [
    statusCommand,
    gapCommand,
    databaseCommand,
    instanceCommand,
    agentCommand,
    jobCommand,
    backupCommand,
    restoreCommand,
    alertCommand,
    auditCommand,
    versionCommand,
  ])
    root.addCommand(command(terminal))
  tame(root, terminal)
  return root
}

/** Commander neither exits nor writes by itself, on any level: errors become ours, output the terminal's. */
function tame(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: () => {} })
    .showSuggestionAfterError()
  for (const inner of command.commands) tame(inner, terminal)
}

/**
 * Runs one command line (without node and script) and returns the exit status: 0, the status of a "no", or
 * that of the error's code. Errors go to stderr, as JSON when `-o json` was asked for.
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program(terminal).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (thrown) {
    if (thrown instanceof Answer) return thrown.status
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0
      const isBareNoun = thrown.code === 'commander.help'
      if (isBareNoun) return 2
      return report(
        new AppError('usage.invalid', { message: thrown.message.replace(/^error: /, '') }),
        argv,
        terminal,
      )
    }
    return report(AppError.from(thrown), argv, terminal)
  }
}

function report(error: AppError, argv: readonly string[], terminal: Terminal): number {
  const wantsJson = argv.some(
    (arg, i) => /^(-o|--output)=?json$/.test(arg) || (/^(-o|--output)$/.test(arg) && argv[i + 1] === 'json'),
  )
  terminal.err(wantsJson ? `${json({ error: error.toFailure() })}\n` : `${printFailure(error.toFailure())}\n`)
  return error.traits.exit
}
