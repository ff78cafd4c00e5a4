import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { systemClock } from '../../shared/clock/index.ts'
import { initialise } from '../identity/init.ts'
import type { Terminal } from './terminal.ts'

const gather = (value: string, before: readonly string[] = []) => [...before, value]

/** `init`: a CA, the listener's certificate and the first admin. */
export function initCommand(terminal: Terminal): Command {
  return new Command('init')
    .description('make a CA, the certificate of the listener, and the identity of the first admin')
    .requiredOption('--dir <folder>', 'where the files go; nothing is overwritten')
    .option(
      '--name <host>',
      'name or address the coordinator is dialled by, repeatable (default: this host and loopback)',
      gather,
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ holdfast-coordinator init --dir /etc/holdfast/pki --name backup.example.com --name 10.0.0.5',
    )
    .action(async (options: { dir: string; name?: readonly string[] }) => {
      const hosts = options.name ?? [hostname(), 'localhost', '127.0.0.1', '::1']
      const made = await initialise(resolve(options.dir), hosts, systemClock.now().wall)
      terminal.out(report(made.folder, hosts, made.files, made.fingerprint))
    })
}

function report(
  folder: string,
  hosts: readonly string[],
  files: readonly string[],
  fingerprint: string,
): string {
  return `${[
    `made in ${folder}: ${files.join(', ')}`,
    `the CA's fingerprint is ${fingerprint}`,
    `the listener's certificate is for ${hosts.join(', ')}`,
    '',
    'Into the configuration of the coordinator:',
    '  tls:',
    `    ca_file: ${folder}/ca.crt`,
    `    ca_key_file: ${folder}/ca.key`,
    `    certificate_file: ${folder}/server.crt`,
    `    key_file: ${folder}/server.key`,
    '',
    'The first admin asks with:',
    `  holdfast --identity ${folder}/admin status`,
    '',
    'Keep a copy of ca.key where nobody reaches it from here: whoever has it can be anybody.',
  ].join('\n')}\n`
}
