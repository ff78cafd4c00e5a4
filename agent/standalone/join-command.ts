import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import { parseJoinToken } from '../../shared/tls/index.ts'
import { type ConfigFlags, configFrom } from './run-command.ts'
import type { Terminal } from './terminal.ts'

/** `holdfast-agent join`: a key of this host's own, certified for a token. */
export function joinCommand(terminal: Terminal): Command {
  return new Command('join')
    .description('get this host its certificate, for a token of `holdfast agent token create`')
    .option('--config <file>', 'configuration file (HOLDFAST_CONFIG)')
    .option('--coordinator <host:port>', 'coordinator to join')
    .option('--state-dir <folder>', 'where key and certificate go')
    .option('--token-file <file>', 'file of the token, - for standard input (or HOLDFAST_JOIN_TOKEN)')
    .option('--host <name>', 'the name of this host, as the token has it', hostname())
    .addHelpText(
      'after',
      `
Example:
  $ holdfast-agent join --coordinator backup.example.com:7400 --token-file /run/join-token

The token says which CA to believe; the key is made here and stays here. A token on the command line could be
read by every user of this host, so there is no flag for it.`,
    )
    .action(async (flags: ConfigFlags & { readonly tokenFile?: string; readonly host: string }) => {
      const text = await tokenText(flags.tokenFile, terminal.environment['HOLDFAST_JOIN_TOKEN'])
      const token = parseJoinToken(text)
      if (token === undefined) throw new AppError('enrol.bad-token', { message: 'this is no join token' })
      const { value: config } = configFrom(flags)
      const { join } = await import('../join.ts')
      const agentId = await join({
        address: config.coordinator.address,
        stateDir: config.state_dir,
        token,
        hostname: flags.host,
      })
      terminal.out(`joined as ${agentId}; start the agent: holdfast-agent run\n`)
    })
}

async function tokenText(file: string | undefined, environment: string | undefined): Promise<string> {
  if (file === undefined) {
    if (environment !== undefined && environment !== '') return environment
    throw new AppError('usage.invalid', { message: 'there is no token: give --token-file' })
  }
  try {
    return await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
  } catch (cause) {
    throw new AppError('secret.unreadable', { context: { path: file }, cause })
  }
}
