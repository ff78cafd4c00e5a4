import { Command } from 'commander'
import { runCommandLine, wantsOutput } from '../shared/command-line/index.ts'
import { version } from '../shared/model/version.ts'
import type { Terminal } from './command.ts'
import { agentCommand } from './commands/agent.ts'
import { alertCommand } from './commands/alert.ts'
import { approvalCommand } from './commands/approval.ts'
import { auditCommand } from './commands/audit.ts'
import { backupCommand } from './commands/backup.ts'
import { certificateCommand } from './commands/certificate.ts'
import { clusterCommand } from './commands/cluster.ts'
import { completionCommand } from './commands/completion.ts'
import { databaseCommand } from './commands/database.ts'
import { gapCommand } from './commands/gap.ts'
import { instanceCommand } from './commands/instance.ts'
import { jobCommand } from './commands/job.ts'
import { pauseCommand, resumeCommand } from './commands/pause.ts'
import { planCommand } from './commands/plan.ts'
import { policyCommand } from './commands/policy.ts'
import { profileCommand } from './commands/profile.ts'
import { reportCommand } from './commands/report.ts'
import { restoreCommand } from './commands/restore.ts'
import { retentionCommand } from './commands/retention.ts'
import { statusCommand } from './commands/status.ts'
import { tokenCommand } from './commands/token.ts'
import { topCommand } from './commands/top.ts'
import { verificationCommand } from './commands/verification.ts'
import { versionCommand } from './commands/version.ts'
import { whoamiCommand } from './commands/whoami.ts'
import { complete } from './complete.ts'
import { json } from './print/json.ts'

/** All commands, in the order `--help` shows them. */
export function program(terminal: Terminal): Command {
  const root = new Command('holdfast')
    .description('ask and steer the coordinator of your backups')
    .version(version, '-V, --version', 'print the version of this client')
    .addHelpText(
      'after',
      '\nExamples:\n  $ holdfast status\n  $ holdfast gap list\n  $ holdfast backup start orders --wait',
    )
  for (const command of [
    statusCommand,
    topCommand,
    gapCommand,
    databaseCommand,
    instanceCommand,
    clusterCommand,
    agentCommand,
    jobCommand,
    planCommand,
    pauseCommand,
    resumeCommand,
    backupCommand,
    restoreCommand,
    retentionCommand,
    verificationCommand,
    reportCommand,
    alertCommand,
    policyCommand,
    auditCommand,
    whoamiCommand,
    tokenCommand,
    certificateCommand,
    approvalCommand,
    profileCommand,
    completionCommand,
    versionCommand,
  ])
    root.addCommand(command(terminal))
  return root
}

/** Runs one command line (without node and script) and resolves with the exit status. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  if (argv[0] === '__complete') {
    await complete(program(terminal), argv.slice(1), terminal)
    return 0
  }
  // nothing is cut that no line is too narrow for
  const shown = wantsOutput(argv, 'wide') ? { ...terminal, width: Number.POSITIVE_INFINITY } : terminal
  return runCommandLine(program(shown), argv, terminal, error => terminal.err(`${json({ error })}\n`))
}
