import { Command } from 'commander'
import { openProcessLog } from '../../shared/log/index.ts'
import { loadCoordinatorConfig } from '../config.ts'
import type { Terminal } from './terminal.ts'

interface RunOptions {
  readonly config?: string
  readonly insecureLoopback?: boolean
  readonly listen?: string
  readonly restored?: boolean
}

/** `run`: serves until a signal stops it. */
export function runCommand(terminal: Terminal): Command {
  return new Command('run')
    .description('run the coordinator')
    .option('-c, --config <file>', 'configuration file (HOLDFAST_CONFIG)')
    .option('--insecure-loopback', 'serve plaintext on a loopback address')
    .option('--listen <host:port>', 'where agents and operators connect')
    .option('--restored', 'the store was put back from a copy: say so once, at the first start on it')
    .addHelpText(
      'after',
      '\nExample:\n  $ holdfast-coordinator run --config /etc/holdfast/coordinator.yaml --insecure-loopback',
    )
    .action(async (options: RunOptions) => {
      const { value: config } = loadCoordinatorConfig(options.config, {
        insecure_loopback: options.insecureLoopback,
        listen: options.listen,
      })
      const opened = openProcessLog('coordinator', config.log)
      // what rotates the file of the audit says so by SIGHUP, as for a log: it is opened by its name each time
      if (config.audit.ship?.file !== undefined) process.on('SIGHUP', ignored)
      try {
        // two of three modules are its: help and the other commands do without
        const { startCoordinator } = await import('../coordinator.ts')
        const coordinator = await startCoordinator(config, opened.log, {
          restored: options.restored ?? false,
        })
        await aborted(terminal.stop)
        await coordinator.stop(terminal.abort)
      } finally {
        process.off('SIGHUP', ignored)
        opened.close()
      }
    })
}

function ignored(): void {}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
