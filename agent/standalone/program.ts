import { Command } from 'commander'
import { runCommandLine } from '../../shared/command-line/index.ts'
import { printFailure } from '../../shared/errors/index.ts'
import { version } from '../../shared/model/version.ts'
import type { Terminal } from './terminal.ts'

/**
 * What each command is made of, loaded when it is asked for: a backup from cron pays for no other (a module costs half a
 * millisecond, and there are hundreds).
 */
const commands: Readonly<Record<string, (terminal: Terminal) => Promise<Command>>> = {
  run: async terminal => (await import('./run-command.ts')).runCommand(terminal),
  backup: async terminal => (await import('./backup-command.ts')).backupCommand(terminal),
  restore: async terminal => (await import('./restore-command.ts')).restoreCommand(terminal),
  verify: async terminal => (await import('./verify-command.ts')).verifyCommand(terminal),
  check: async terminal => (await import('./check-command.ts')).checkCommand(terminal),
  doctor: async terminal => (await import('./doctor-command.ts')).doctorCommand(terminal),
  config: async terminal => (await import('./config-command.ts')).configCommand(terminal),
  join: async terminal => (await import('./join-command.ts')).joinCommand(terminal),
  version: async terminal => (await import('./version-command.ts')).versionCommand(terminal),
}

async function program(terminal: Terminal, asked: string | undefined): Promise<Command> {
  const root = new Command('holdfast-agent')
    .description('back up the databases of this host, for a coordinator or by itself')
    .version(version, '-V, --version', 'print the version')
    .addHelpText(
      'after',
      '\nExamples:\n  $ holdfast-agent run --config /etc/holdfast/agent.yaml\n' +
        '  $ holdfast-agent backup --engine postgres --user backup --database orders --to s3://backups/prod',
    )
  // help and what is no command need all of them
  const only = asked === undefined || !Object.hasOwn(commands, asked) ? undefined : commands[asked]
  for (const command of only === undefined ? Object.values(commands) : [only])
    root.addCommand(await command(terminal))
  return root
}

/** Runs one command line (without node and script); resolves with the exit status. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  return runCommandLine(await program(terminal, argv[0]), argv, terminal, error => {
    terminal.out(`${JSON.stringify({ ok: false, error })}\n`)
    terminal.err(`${printFailure(error)}\n`)
  })
}
