import { Command, Option } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import { logLevels, openProcessLog } from '../../shared/log/index.ts'
import { loadAgentConfig } from '../config.ts'
import type { Terminal } from './terminal.ts'

/** Flags that stand above file and environment; keys of the configuration by their dotted name. */
export interface ConfigFlags {
  readonly config?: string
  readonly coordinator?: string
  readonly insecureLoopback?: boolean
  readonly stateDir?: string
  readonly keeper?: boolean
  readonly pool?: boolean
  readonly logLevel?: string
}

/** Adds them to a command. */
export function withConfigFlags(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (HOLDFAST_CONFIG)')
    .option('--coordinator <host:port>', 'coordinator to dial')
    .option('--insecure-loopback', 'plaintext, to loopback only')
    .option('--state-dir <folder>', 'identity, journal and spool')
    .option('--keeper', 'may list, copy and delete in buckets')
    .option('--pool', 'serves instances of other hosts')
    .addOption(new Option('--log-level <level>', 'what is logged').choices([...logLevels]))
}

/** The configuration these flags ask for. */
export function configFrom(flags: ConfigFlags) {
  return loadAgentConfig(flags.config, {
    'coordinator.address': flags.coordinator,
    'coordinator.insecure_loopback': flags.insecureLoopback,
    state_dir: flags.stateDir,
    keeper: flags.keeper,
    pool: flags.pool,
    'log.level': flags.logLevel,
  })
}

/** `holdfast-agent run`: the agent of a host, for as long as it lives. */
export function runCommand(terminal: Terminal): Command {
  return withConfigFlags(new Command('run').description('serve a coordinator: the agent of this host'))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast-agent run --config /etc/holdfast/agent.yaml
  $ holdfast-agent run --coordinator 127.0.0.1:7400 --insecure-loopback --state-dir /var/lib/holdfast/agent

The first SIGTERM or SIGINT aborts what runs (uploads too), tells the results and ends with 0; a second one
leaves at once with 130, and the next start goes on from the journal.`,
    )
    .action(async (flags: ConfigFlags) => {
      // only here: the link and all it needs double the time that the other commands take to start
      const { startAgent } = await import('../agent.ts')
      const { value: config } = configFrom(flags)
      const opened = openProcessLog('agent', config.log)
      try {
        const agent = await startAgent(config, opened.log)
        const stopped = new Promise<'stopped'>(resolve => {
          if (terminal.stop.aborted) resolve('stopped')
          terminal.stop.addEventListener('abort', () => resolve('stopped'), { once: true })
        })
        const end = await Promise.race([agent.ended, stopped])
        // a refusal ends no backup: the result stays in the spool
        if (end !== 'stopped' && end.kind === 'refused') await Promise.race([agent.idle(), stopped])
        await agent.stop(terminal.abort)
        if (end !== 'stopped' && end.kind === 'refused') throw end.error
        if (terminal.abort.aborted) throw new Answer(130)
      } finally {
        opened.close()
      }
    })
}
