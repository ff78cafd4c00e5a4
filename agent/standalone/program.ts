import { Command } from 'commander'
import { runCommandLine } from '../../shared/command-line/index.ts'
import { printFailure } from '../../shared/errors/index.ts'
import { version } from '../../shared/model/version.ts'
import { backupCommand } from './backup-command.ts'
import { checkCommand } from './check-command.ts'
import { configCommand } from './config-command.ts'
import { doctorCommand } from './doctor-command.ts'
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
  for (const command of [
    ...[
      runCommand,
      backupCommand,
      restoreCommand,
      checkCommand,
      doctorCommand,
      configCommand,
      versionCommand,
    ],
  ])
    root.addCommand(command(terminal))
  return root
}

/** Runs one command line (without node and script); resolves with the exit status. */
export function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  return runCommandLine(program(terminal), argv, terminal, error => {
    terminal.out(`${JSON.stringify({ ok: false, error })}\n`)
    terminal.err(`${printFailure(error)}\n`)
  })
}
