import { Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../../shared/clock/index.ts'
import { Answer } from '../../shared/command-line/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { type Duration, parseDuration } from '../../shared/time/index.ts'
import { judge, readReport, states, type Verdict } from '../last-backup/index.ts'
import type { Terminal } from './terminal.ts'

interface CheckFlags {
  readonly file: string
  readonly warn: Duration
  readonly critical: Duration
  readonly atLeast: number
  readonly output: string
}

/** `holdfast-agent check`: the status file, for Nagios and its kin. The exit status is the state. */
export function checkCommand(terminal: Terminal): Command {
  return new Command('check')
    .description('judge the status file of this host, for Nagios-style monitors')
    .option('--file <file>', 'the status file', '/var/lib/holdfast/agent/last_backup.json')
    .addOption(ageOption('--warn <duration>', 'warning when data is older', '26h'))
    .addOption(ageOption('--critical <duration>', 'critical when data is older', '50h'))
    .option('--at-least <n>', 'critical when fewer databases have a good backup', count, 1)
    .addOption(new Option('-o, --output <format>', 'form').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nExits with 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN: no file, or one that cannot be read).' +
        '\n\nExample:\n  $ holdfast-agent check --warn 26h --critical 50h --at-least 12',
    )
    .action(async (flags: CheckFlags) => {
      const { state, text } = await verdict(flags)
      terminal.out(
        flags.output === 'json'
          ? `${JSON.stringify({ state, exit_status: states[state], text })}\n`
          : `${text}\n`,
      )
      if (state !== 'OK') throw new Answer(states[state])
    })
}

async function verdict(flags: CheckFlags): Promise<Verdict> {
  try {
    return judge(await readReport(flags.file), flags, systemClock.now().wall)
  } catch (thrown) {
    const { message, traits } = AppError.from(thrown)
    return { state: 'UNKNOWN', text: `HOLDFAST UNKNOWN - ${message}: ${flags.file}. ${traits.hint}` }
  }
}

function ageOption(flags: string, description: string, usual: string): Option {
  return new Option(flags, description).argParser(age).default(age(usual), usual)
}

function age(text: string): Duration {
  const parsed = parseDuration(text)
  if (parsed === undefined || parsed <= 0) throw new InvalidArgumentError('expected a duration such as 26h')
  return parsed
}

function count(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('expected a whole number')
  return Number(text)
}
